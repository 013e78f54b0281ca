//! The benchmark's native half. In processes of their own, so that they cost the measured Worker
//! nothing:
//!
//!     bench-native origin                                  the server that all contestants fetch from
//!     bench-native load URL CONNECTIONS REQUESTS [TOKEN]   fetches URL again and again
//!     bench-native pause URL CONNECTIONS                   downloads that stop after the first byte
//!     bench-native keystream SECONDS                       decrypts in memory as the client does
//!
//! Each prints one line of JSON on standard output.

mod load;
mod object;
mod origin;
mod response;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use cloakroom::cipher::{Key, Keystream};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["origin"] => origin::serve(),
        ["load", url, connections, requests, ref token @ ..] => match (connections.parse(), requests.parse())
        {
            (Ok(connections), Ok(requests)) => load::load(url, connections, requests, token.first().copied()),
            _ => Err("CONNECTIONS and REQUESTS are numbers".into()),
        },
        ["pause", url, connections] => match connections.parse() {
            Ok(connections) => load::pause(url, connections),
            Err(_) => Err("CONNECTIONS is a number".into()),
        },
        ["keystream", seconds] => match seconds.parse() {
            Ok(seconds) => keystream(seconds),
            Err(_) => Err("SECONDS is a number".into()),
        },
        _ => {
            Err("origin | load URL CONNECTIONS REQUESTS [TOKEN] | pause URL CONNECTIONS | keystream SECONDS"
                .into())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-native: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Errors end the program: a benchmark that goes on after one measures something else.
type Done = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// The cipher stage of the command line client: chunks of 64 KiB, as they come off a connection.
fn keystream(seconds: f64) -> Done {
    let mut keystream = Keystream::body(&Key::chacha20([7; 32]));
    let mut chunk = vec![0; 64 * 1024];
    let limit = Duration::from_secs_f64(seconds);
    let (start, before, mut bytes) = (Instant::now(), cpu_seconds()?, 0_u64);
    while start.elapsed() < limit {
        for _ in 0..256 {
            keystream.apply(&mut chunk)?;
            bytes += chunk.len() as u64;
        }
        keystream.seek(0)?;
    }
    println!("{{\"bytes\": {bytes}, \"cpu_seconds\": {:.6}}}", cpu_seconds()? - before);
    Ok(())
}

/// CPU time of this thread so far: the first number of schedstat, in nanoseconds.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error + Send + Sync>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}
