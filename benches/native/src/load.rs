//! The clients. They read as fast as they can, or stop reading.

use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Done;
use crate::response::Connection;

/// Fetches `url` `requests` times over `connections` keep-alive connections, with an access token if given.
pub fn load(url: &str, connections: u64, requests: u64, token: Option<&str>) -> Done {
    // The measurement does not include connecting.
    let mut open = (0..connections).map(|_| Connection::open(url, token)).collect::<Result<Vec<_>, _>>()?;
    let taken = AtomicU64::new(0);
    let start = Instant::now();
    let (mut bytes, mut first_bytes) = (0, Vec::new());
    let outcomes = thread::scope(|scope| {
        let taken = &taken;
        let threads: Vec<_> = open
            .iter_mut()
            .map(|connection| {
                scope.spawn(move || {
                    let mut outcomes = Vec::new();
                    while taken.fetch_add(1, Ordering::Relaxed) < requests {
                        outcomes.push(connection.get()?);
                    }
                    Ok::<_, Box<dyn std::error::Error + Send + Sync>>(outcomes)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a client thread panicked"))
            .collect::<Vec<_>>()
    });
    let seconds = start.elapsed().as_secs_f64();
    for outcome in outcomes {
        for outcome in outcome?? {
            bytes += outcome.bytes;
            first_bytes.push(outcome.first_byte);
        }
    }
    first_bytes.sort();
    let median = first_bytes.get(first_bytes.len() / 2).map_or(0.0, Duration::as_secs_f64) * 1e3;
    println!(
        "{{\"requests\": {}, \"bytes\": {bytes}, \"seconds\": {seconds:.6}, \"first_byte_ms\": {median:.4}}}",
        first_bytes.len()
    );
    Ok(())
}

/// Opens downloads, reads their first byte, and keeps them open until standard input ends.
pub fn pause(url: &str, connections: u64) -> Done {
    let mut open = Vec::new();
    for _ in 0..connections {
        let mut connection = Connection::open(url, None)?;
        connection.get_first_byte()?;
        open.push(connection);
    }
    println!("{{\"paused\": {connections}}}");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
