//! A minimal HTTP/1.1 client, which reads a response and discards its body.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A keep-alive connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
    scratch: Vec<u8>,
}

/// The outcome of a request.
pub struct Outcome {
    /// The length of the body.
    pub bytes: u64,
    /// The time from the last byte of the request to the first byte of the body.
    pub first_byte: Duration,
}

type Failure = Box<dyn Error + Send + Sync>;

impl Connection {
    /// Connects to the host of `url`, which is `http://host:port/path`.
    pub fn open(url: &str, token: Option<&str>) -> Result<Self, Failure> {
        let rest = url.strip_prefix("http://").ok_or("the URL must begin with http://")?;
        let (host, path) = rest.split_once('/').ok_or("the URL must have a path")?;
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        let authorization =
            token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n{authorization}\r\n")
            .into_bytes();
        Ok(Self {
            stream: BufReader::with_capacity(64 * 1024, stream),
            request,
            scratch: vec![0; 256 * 1024],
        })
    }

    /// Sends the request and reads the body to its end.
    pub fn get(&mut self) -> Result<Outcome, Failure> {
        let start = Instant::now();
        let length = self.head()?;
        let first_byte = match length {
            Some(0) => start.elapsed(),
            _ => {
                self.stream.fill_buf()?;
                start.elapsed()
            }
        };
        let bytes = match length {
            Some(length) => {
                self.skip(length)?;
                length
            }
            None => self.skip_chunks()?,
        };
        Ok(Outcome { bytes, first_byte })
    }

    /// Sends the request and waits for the first byte of the body.
    pub fn get_first_byte(&mut self) -> Result<(), Failure> {
        self.head()?;
        self.stream.fill_buf()?;
        Ok(())
    }

    /// Sends the request and reads the headers. Returns the length of the body, or `None` if it is chunked.
    fn head(&mut self) -> Result<Option<u64>, Failure> {
        self.stream.get_mut().write_all(&self.request)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if !line.starts_with("HTTP/1.1 200 ") {
            return Err(format!("the contestant answered {:?}", line.trim_end()).into());
        }
        let mut length = None;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                return Ok(length);
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = Some(value.trim().parse()?);
            }
        }
    }

    fn skip(&mut self, mut left: u64) -> Result<(), Failure> {
        while left > 0 {
            let most = self.scratch.len().min(usize::try_from(left)?);
            match self.stream.read(&mut self.scratch[..most])? {
                0 => return Err(format!("the body ended {left} bytes early").into()),
                got => left -= got as u64,
            }
        }
        Ok(())
    }

    fn skip_chunks(&mut self) -> Result<u64, Failure> {
        let (mut bytes, mut line) = (0, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let chunk = u64::from_str_radix(line.trim_end(), 16)?;
            self.skip(chunk + 2)?; // and the line end after it
            if chunk == 0 {
                return Ok(bytes);
            }
            bytes += chunk;
        }
    }
}
