//! The exchange between a task and its driver: the task hands over promises, and the driver returns the
//! values that they settle to.
//!
//! A wait takes a ticket when it hands over its promise, and the value comes back with the same ticket. Only
//! the wait with this ticket can claim the value. So no wait can get the value of another one, neither if a
//! value is late nor if a task is resumed while another one runs.
//!
//! The exchange is generic over promises and values, so that its tests run natively.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread::LocalKey;

/// The number of a wait. An isolate reuses a number only after almost 2^32 other waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u32);

impl Ticket {
    /// Returns the number, which is never 0.
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// A wait whose promise was handed over.
#[derive(Debug, PartialEq)]
pub(crate) struct Awaited<P> {
    pub(crate) ticket: Ticket,
    pub(crate) promise: P,
    /// The longest time to wait, in milliseconds; possibly infinite.
    pub(crate) limit_ms: f64,
}

/// The outcome of polling a task.
#[derive(Debug, PartialEq)]
pub(crate) enum Step<P, T> {
    /// The task has ended.
    Done(T),
    /// The task waits for a promise.
    Waits(Awaited<P>),
    /// The task is pending but handed over no promise, so that nothing would ever resume it.
    Stuck,
}

/// The error for a second wait while the task's first one is unsettled or unclaimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a task waits for two promises at once")]
pub(crate) struct SecondWait;

/// What the exchange holds while a task is polled.
enum Passing<P, V> {
    Settled(Ticket, V),
    Awaited(Awaited<P>),
}

/// Holds what passes between a task and its driver while the task is polled. There is one per isolate.
pub(crate) struct Exchange<P, V> {
    passing: Cell<Option<Passing<P, V>>>,
    last: Cell<u32>,
}

impl<P, V> Exchange<P, V> {
    pub(crate) const fn new() -> Self {
        Self { passing: Cell::new(None), last: Cell::new(0) }
    }

    /// Polls a task, with the value that its wait settled to. The first poll has no value.
    pub(crate) fn poll<T>(
        &self,
        task: Pin<&mut (impl Future<Output = T> + ?Sized)>,
        settled: Option<(Ticket, V)>,
    ) -> Step<P, T> {
        // A task may be polled within another one. The outer task must not notice, so its value is put back.
        let outer = self.passing.replace(settled.map(|(ticket, value)| Passing::Settled(ticket, value)));
        let polled = task.poll(&mut Context::from_waker(Waker::noop()));
        match (polled, self.passing.replace(outer)) {
            (Poll::Ready(outcome), _) => Step::Done(outcome),
            (Poll::Pending, Some(Passing::Awaited(awaited))) => Step::Waits(awaited),
            (Poll::Pending, _) => Step::Stuck,
        }
    }

    /// Returns a ticket that no wait has.
    pub(crate) fn issue(&self) -> Ticket {
        let number = self.last.get().wrapping_add(1).max(1);
        self.last.set(number);
        Ticket(number)
    }

    fn hand_over(&self, promise: P, limit_ms: f64) -> Result<Ticket, SecondWait> {
        let passing = self.passing.take();
        if passing.is_some() {
            self.passing.set(passing);
            return Err(SecondWait);
        }
        let ticket = self.issue();
        self.passing.set(Some(Passing::Awaited(Awaited { ticket, promise, limit_ms })));
        Ok(ticket)
    }

    fn claim(&self, ticket: Ticket) -> Poll<V> {
        match self.passing.take() {
            Some(Passing::Settled(settled, value)) if settled == ticket => Poll::Ready(value),
            other => {
                self.passing.set(other);
                Poll::Pending
            }
        }
    }
}

/// Waits for a promise, for at most `limit_ms`. May be called only within a task.
///
/// # Errors
/// [`SecondWait`] if the task waits for another promise already.
pub(crate) async fn wait<P, V>(
    exchange: &'static LocalKey<Exchange<P, V>>,
    promise: P,
    limit_ms: f64,
) -> Result<V, SecondWait> {
    let ticket = exchange.with(|exchange| exchange.hand_over(promise, limit_ms))?;
    Ok(poll_fn(|_| exchange.with(|exchange| exchange.claim(ticket))).await)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    thread_local! {
        static EXCHANGE: Exchange<&'static str, u32> = const { Exchange::new() };
    }

    type Promise = &'static str;

    async fn value(promise: Promise) -> Result<u32, SecondWait> {
        wait(&EXCHANGE, promise, 9.0).await
    }

    fn poll<T>(task: Pin<&mut impl Future<Output = T>>, settled: Option<(Ticket, u32)>) -> Step<Promise, T> {
        EXCHANGE.with(|exchange| exchange.poll(task, settled))
    }

    /// Returns the ticket of the task's wait, which must be for `promise`.
    fn ticket<T: std::fmt::Debug>(step: Step<Promise, T>, promise: Promise) -> Ticket {
        match step {
            Step::Waits(awaited) => {
                assert_eq!((awaited.promise, awaited.limit_ms), (promise, 9.0));
                awaited.ticket
            }
            other => panic!("{promise}: {other:?}"),
        }
    }

    #[test]
    fn a_wait_gets_the_value_of_its_ticket() {
        let mut task = pin!(async { Ok::<_, SecondWait>((value("a").await?, value("b").await?)) });
        let a = ticket(poll(task.as_mut(), None), "a");
        let b = ticket(poll(task.as_mut(), Some((a, 1))), "b");
        assert_ne!(a, b);
        assert_eq!(poll(task.as_mut(), Some((b, 2))), Step::Done(Ok((1, 2))));
    }

    #[test]
    fn a_value_with_an_old_ticket_reaches_no_wait() {
        let mut task = pin!(async { Ok::<_, SecondWait>((value("a").await?, value("b").await?)) });
        let a = ticket(poll(task.as_mut(), None), "a");
        let b = ticket(poll(task.as_mut(), Some((a, 1))), "b");
        assert_eq!(poll(task.as_mut(), Some((a, 3))), Step::Stuck);
        assert_eq!(poll(task.as_mut(), Some((b, 2))), Step::Done(Ok((1, 2))));
    }

    #[test]
    fn alternating_tasks_get_their_own_values() {
        let mut one = pin!(async { (value("a").await, value("b").await) });
        let mut other = pin!(async { (value("c").await, value("d").await) });
        let a = ticket(poll(one.as_mut(), None), "a");
        let c = ticket(poll(other.as_mut(), None), "c");
        assert_eq!(poll(one.as_mut(), Some((c, 9))), Step::Stuck);
        let d = ticket(poll(other.as_mut(), Some((c, 3))), "d");
        let b = ticket(poll(one.as_mut(), Some((a, 1))), "b");
        assert_eq!(poll(other.as_mut(), Some((d, 4))), Step::Done((Ok(3), Ok(4))));
        assert_eq!(poll(one.as_mut(), Some((b, 2))), Step::Done((Ok(1), Ok(2))));
    }

    #[test]
    fn a_task_within_a_task_takes_no_value_of_the_outer_one() {
        let mut inner = Box::pin(async { (value("c").await, value("d").await) });
        let outer = async {
            // The inner task is polled before the outer one hands over each of its promises, and after it has
            // claimed its last value.
            let a = value("a");
            let c = ticket(poll(inner.as_mut(), None), "c");
            let a = a.await;
            let d = ticket(poll(inner.as_mut(), Some((c, 3))), "d");
            let b = value("b").await;
            (a, b, poll(inner.as_mut(), Some((d, 4))))
        };
        let mut outer = pin!(outer);
        let a = ticket(poll(outer.as_mut(), None), "a");
        let b = ticket(poll(outer.as_mut(), Some((a, 1))), "b");
        let inner = Step::Done((Ok(3), Ok(4)));
        assert_eq!(poll(outer.as_mut(), Some((b, 2))), Step::Done((Ok(1), Ok(2), inner)));
    }

    #[test]
    fn no_ticket_is_0() {
        let exchange: Exchange<Promise, u32> = Exchange::new();
        exchange.last.set(u32::MAX - 1);
        assert_eq!([(); 3].map(|()| exchange.issue().number()), [u32::MAX, 1, 2]);
    }

    #[test]
    fn a_task_waits_for_one_promise_at_a_time() {
        let mut one = Box::pin(value("a"));
        let mut other = Box::pin(value("b"));
        let mut task = pin!(poll_fn(|context| {
            let _ = one.as_mut().poll(context);
            other.as_mut().poll(context)
        }));
        assert_eq!(poll(task.as_mut(), None), Step::Done(Err(SecondWait)));
    }

    #[test]
    fn a_task_that_waits_for_nothing_is_stuck() {
        assert_eq!(poll(pin!(std::future::pending::<()>()).as_mut(), None), Step::Stuck);
    }
}
