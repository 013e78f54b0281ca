//! Writing beside the network: one buffer is written while the next one fills.

use std::io::{self, Write};
use std::ops::Range;

use tokio::task::JoinHandle;

/// How much is written at a time, and how long a buffer is: large enough that system calls do not
/// count, small enough to stay in a processor's cache between decrypting and writing.
pub const BUFFER_BYTES: usize = 512 * 1024;

type Writer = Box<dyn Write + Send>;

/// A writer at rest, and an empty buffer.
type Idle = (Writer, Vec<u8>);

/// A file or pipe. Writes happen on another thread, so that a slow disk or a full pipe holds up
/// neither the network nor Ctrl-C.
pub struct Sink {
    /// The writer and a spare buffer; `None` while a write is under way, or after one failed.
    idle: Option<Idle>,
    writing: Option<JoinHandle<io::Result<Idle>>>,
}

impl Sink {
    pub fn new(writer: Writer) -> Self {
        Self { idle: Some((writer, Vec::with_capacity(BUFFER_BYTES))), writing: None }
    }

    /// Waits for the write before, starts this one, and gives back an empty buffer. An error may be
    /// that of the write before.
    pub async fn write(&mut self, buffer: Vec<u8>, range: Range<usize>) -> io::Result<Vec<u8>> {
        let (mut writer, spare) = self.wait().await?;
        self.writing = Some(tokio::task::spawn_blocking(move || {
            writer.write_all(buffer.get(range).unwrap_or_default())?;
            let mut buffer = buffer;
            buffer.clear();
            Ok((writer, buffer))
        }));
        Ok(spare)
    }

    /// Waits until everything is written.
    pub async fn finish(&mut self) -> io::Result<()> {
        let (mut writer, _) = self.wait().await?;
        tokio::task::spawn_blocking(move || writer.flush()).await?
    }

    async fn wait(&mut self) -> io::Result<Idle> {
        if let Some(writing) = self.writing.take() {
            return writing.await?;
        }
        self.idle.take().ok_or_else(|| io::Error::other("an earlier write failed"))
    }
}
