//! The native programs of the benchmark. They run as separate processes, so that the CPU time of the measured
//! Worker does not include theirs.
//!
//!     bench-native origin                                  serves the objects to all contestants
//!     bench-native load URL CONNECTIONS REQUESTS [TOKEN]   fetches URL repeatedly
//!     bench-native pause URL CONNECTIONS                   stops reading after the first byte
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

/// The result of a program. An error ends it, because later measurements would be wrong.
type Done = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Runs the cipher stage of the command line client, with chunks of 64 KiB.
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

/// Returns the CPU time of this thread so far, in seconds. The first number of schedstat has it in
/// nanoseconds.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error + Send + Sync>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}
