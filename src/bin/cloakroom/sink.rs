//! Writes in the background: one buffer is written while the next one is filled.

use std::io::{self, Write};
use std::ops::Range;

use tokio::task::JoinHandle;

/// The length of a buffer, which is written at once: large enough that system calls cost little, small enough
/// to stay in the processor's cache between decrypting and writing.
pub const BUFFER_BYTES: usize = 512 * 1024;

type Writer = Box<dyn Write + Send>;

/// A writer that is not writing, and an empty buffer.
type Idle = (Writer, Vec<u8>);

/// A file or pipe. Another thread does the writes, so that a slow disk or a full pipe blocks neither the
/// network nor Ctrl-C.
pub struct Sink {
    /// The writer and a spare buffer; `None` during a write and after a failed one.
    idle: Option<Idle>,
    writing: Option<JoinHandle<io::Result<Idle>>>,
}

impl Sink {
    pub fn new(writer: Writer) -> Self {
        Self { idle: Some((writer, Vec::with_capacity(BUFFER_BYTES))), writing: None }
    }

    /// Waits for the previous write and starts this one. Returns an empty buffer. The error may be that of
    /// the previous write.
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

    /// Waits for the last write and flushes the writer.
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
