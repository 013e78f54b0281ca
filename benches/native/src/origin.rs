//! The origin server, from which all contestants fetch. It has one thread for each keep-alive connection, and
//! uses no disk.
//!
//! `GET …/<size>` returns an object of that many bytes, with a `Content-Length`, as a homeserver's download
//! endpoint does. `GET …/whoami` accepts every token.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::{Done, object};

/// Serves on a free port of the loopback interface until the process is killed.
pub fn serve() -> Done {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{{\"port\": {}}}", listener.local_addr()?.port());
    for connection in listener.incoming() {
        let connection = connection?;
        // A contestant may close the connection. That is not an error of the server.
        thread::spawn(move || answer_all(&connection));
    }
    Ok(())
}

fn answer_all(connection: &TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut requests = BufReader::new(connection);
    let mut line = String::new();
    loop {
        let mut asked = None;
        loop {
            line.clear();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end() {
                "" => break,
                start if start.starts_with("GET ") => asked = last_segment(start).map(str::to_owned),
                _ => {}
            }
        }
        answer(connection, asked.as_deref().unwrap_or_default())?;
    }
}

/// Returns the last segment of the path in a request line.
fn last_segment(request_line: &str) -> Option<&str> {
    request_line.split(' ').nth(1)?.split('?').next()?.rsplit('/').next()
}

fn answer(mut connection: &TcpStream, asked: &str) -> io::Result<()> {
    if asked == "whoami" {
        let account = "{\"user_id\":\"@somebody:bench.example\"}";
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            account.len()
        );
        return connection.write_all((head + account).as_bytes());
    }
    let Ok(size) = asked.parse::<u64>() else {
        return connection.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    };
    let mut head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {size}\r\n\
         Content-Disposition: inline; filename=object.bin\r\nETag: 1\r\n\r\n"
    )
    .into_bytes();
    // Servers usually send the headers and the first bytes in one write.
    let first = object::piece(0, size.min(64 * 1024));
    head.extend_from_slice(first);
    connection.write_all(&head)?;
    let mut sent = first.len() as u64;
    while sent < size {
        let piece = object::piece(sent, size - sent);
        connection.write_all(piece)?;
        sent += piece.len() as u64;
    }
    Ok(())
}
