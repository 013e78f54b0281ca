//! A scripted HTTP/1.1 server, which can also cut a body short or stall.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The parts of a request that tests need.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET` or `HEAD`.
    pub method: String,
    /// Path and query.
    pub path: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    /// Returns a request without headers.
    pub fn bare() -> Self {
        Self { method: String::new(), path: String::new(), headers: Vec::new() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A response.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    sent_bytes: usize,
    end: End,
}

/// The action after the first `sent_bytes` of the body.
#[derive(Clone, Copy, Debug)]
enum End {
    Close,
    /// Sends nothing more, and keeps the connection open until the server is dropped.
    Silence,
    /// Sends the rest after a pause.
    Pause(Duration),
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { status, headers: Vec::new(), sent_bytes: body.len(), body, end: End::Close }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Announces the whole body, but closes the connection after `bytes` of it.
    pub fn cut_after(self, bytes: usize) -> Self {
        Self { sent_bytes: bytes, ..self }
    }

    /// Announces the whole body, but stalls after `bytes` of it.
    pub fn silent_after(self, bytes: usize) -> Self {
        Self { sent_bytes: bytes, end: End::Silence, ..self }
    }

    /// Sends `bytes` of the body, and the rest after a pause.
    pub fn pause_after(self, bytes: usize, pause: Duration) -> Self {
        Self { sent_bytes: bytes, end: End::Pause(pause), ..self }
    }
}

/// A server on a free port of 127.0.0.1. It stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    closing: Arc<AtomicBool>,
}

impl Server {
    pub fn start(reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, closing) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, stop, reply) = (Arc::clone(&asked), Arc::clone(&closing), Arc::new(reply));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let (log, stop, reply) = (Arc::clone(&log), Arc::clone(&stop), Arc::clone(&reply));
                // A client that closes the connection early causes an error here. Some tests want that.
                thread::spawn(move || stream.and_then(|stream| serve(stream, &log, &stop, &*reply)));
            }
        });
        Self { address, asked, closing }
    }

    /// Returns the web origin of the server: `http://127.0.0.1:<port>`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns all requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    stream: TcpStream,
    log: &Mutex<Vec<Asked>>,
    closing: &AtomicBool,
    reply: &(impl Fn(&Asked) -> Reply + ?Sized),
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?.take(64 * 1024)).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        headers.push((name.to_owned(), value.to_owned()));
    }
    let asked = Asked { method, path, headers };
    log.lock().unwrap().push(asked.clone());
    let reply = reply(&asked);
    // A `HEAD` gets the same headers, `Content-Length` included.
    let reply =
        if asked.method == "HEAD" { Reply { sent_bytes: 0, end: End::Close, ..reply } } else { reply };
    write(stream, &reply, closing)
}

fn write(mut stream: TcpStream, reply: &Reply, closing: &AtomicBool) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {} Scripted\r\nconnection: close\r\n", reply.status)?;
    if !reply.headers.iter().any(|(name, _)| name == "transfer-encoding") {
        write!(stream, "content-length: {}\r\n", reply.body.len())?;
    }
    for (name, value) in &reply.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    let (now, later) = reply.body.split_at(reply.sent_bytes);
    stream.write_all(now)?;
    match reply.end {
        End::Close => Ok(()),
        End::Silence => {
            while !closing.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(10));
            }
            Ok(())
        }
        End::Pause(pause) => {
            thread::sleep(pause);
            stream.write_all(later)
        }
    }
}
