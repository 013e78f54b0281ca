//! Where the bytes go: a file that appears complete or not at all, or a stream.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::failure::{Failure, NoFolder};
use super::sink::Sink;

/// What `--output` names.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// `-`.
    Stdout,
    /// A pipe or a device, which no file may replace.
    Device(PathBuf),
    /// A file, new or to be overwritten.
    File(PathBuf),
    /// A folder: the name comes from the media. Empty for the one that we are in.
    Folder(PathBuf),
}

impl Target {
    /// Looks at what `--output` names, before any request is made.
    ///
    /// # Errors
    /// An existing file without `force`; no such folder; a terminal without `force`.
    pub fn choose(output: Option<&Path>, force: bool) -> Result<Self, Failure> {
        let Some(path) = output else { return Ok(Self::Folder(PathBuf::new())) };
        if path == Path::new("-") {
            refuse_terminal(io::stdout().is_terminal(), "standard output", force)?;
            return Ok(Self::Stdout);
        }
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => Ok(Self::Folder(path.to_owned())),
            Ok(metadata) if !metadata.is_file() => Ok(Self::Device(path.to_owned())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(no_folder(path.to_owned(), folder_named(path), error))
            }
            _ => Self::file(path.to_owned(), force),
        }
    }

    fn file(path: PathBuf, force: bool) -> Result<Self, Failure> {
        // Of the name itself: a link that leads nowhere is in the way too.
        if !force && path.symlink_metadata().is_ok() {
            return Err(Failure::Exists(path));
        }
        let folder = folder_named(&path);
        match folder.metadata() {
            Ok(metadata) if metadata.is_dir() => Ok(Self::File(path)),
            Ok(_) => Err(Failure::NoFolder { path, folder: NoFolder::NotFolder(folder) }),
            Err(error) => Err(no_folder(path, folder, error)),
        }
    }

    /// Opens it; `name` is the media's own, already safe.
    pub async fn open(self, name: &str, force: bool) -> Result<Output, Failure> {
        let path = match self {
            Self::Stdout => {
                let place = Place::Stream("standard output".to_owned());
                let terminal = io::stdout().is_terminal();
                return Ok(Output { sink: Sink::new(Box::new(io::stdout())), place, terminal });
            }
            Self::Device(path) => return open_device(path, force).await,
            Self::File(path) => path,
            Self::Folder(folder) => {
                let path = folder.join(name);
                if !force && path.symlink_metadata().is_ok() {
                    return Err(Failure::Exists(path));
                }
                path
            }
        };
        let (file, temporary) = temporary_beside(&path)?;
        let place = Place::File { temporary, path, force };
        Ok(Output { sink: Sink::new(Box::new(file)), place, terminal: false })
    }
}

/// Somewhere to write to.
pub struct Output {
    sink: Sink,
    place: Place,
    terminal: bool,
}

enum Place {
    Stream(String),
    /// Dropped, it removes the temporary file.
    File {
        temporary: TempPath,
        path: PathBuf,
        force: bool,
    },
}

impl Output {
    /// Whether the bytes go to a terminal, by `--force`.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    pub fn sink(&mut self) -> &mut Sink {
        &mut self.sink
    }

    /// How to call it in a message.
    pub fn label(&self) -> String {
        match &self.place {
            Place::Stream(label) => label.clone(),
            Place::File { path, .. } => path.display().to_string(),
        }
    }

    /// Writes what is left and gives a file its name; returns the label.
    pub async fn finish(mut self) -> Result<String, Failure> {
        let label = self.label();
        let written = self.sink.finish().await;
        written.map_err(|error| Failure::write(&label, error))?;
        if let Place::File { temporary, path, force } = self.place {
            let named = if force { temporary.persist(&path) } else { temporary.persist_noclobber(&path) };
            named.map_err(|error| match error.error.kind() {
                io::ErrorKind::AlreadyExists => Failure::Exists(path),
                _ => Failure::local_path("write", &path, error.error),
            })?;
        }
        Ok(label)
    }
}

async fn open_device(path: PathBuf, force: bool) -> Result<Output, Failure> {
    let opening = path.clone();
    // Opening a pipe waits for its reader.
    let opened = tokio::task::spawn_blocking(move || OpenOptions::new().write(true).open(opening)).await;
    let file = opened
        .map_err(io::Error::other)
        .and_then(|file| file)
        .map_err(|error| Failure::local_path("write", &path, error))?;
    let (label, terminal) = (path.display().to_string(), file.is_terminal());
    refuse_terminal(terminal, &label, force)?;
    Ok(Output { sink: Sink::new(Box::new(file)), place: Place::Stream(label), terminal })
}

fn refuse_terminal(is_terminal: bool, label: &str, force: bool) -> Result<(), Failure> {
    if is_terminal && !force {
        let what = format!("{label} is a terminal, and media would garble it");
        return Err(Failure::usage(
            what,
            "redirect it, choose a file with --output, or write there anyway with --force",
        ));
    }
    Ok(())
}

/// A new file under another name in the same folder, so that it can be renamed.
fn temporary_beside(path: &Path) -> Result<(File, TempPath), Failure> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".cloakroom-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As for any new file, less what the user's mask takes away.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let made = builder.tempfile_in(folder_of(path));
    made.map(tempfile::NamedTempFile::into_parts).map_err(|error| Failure::local_path("write", path, error))
}

/// Returns the folder that must be there for `--output`: with a slash at its end, the path itself.
fn folder_named(path: &Path) -> PathBuf {
    let is_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    if is_folder { path.to_owned() } else { folder_of(path).to_owned() }
}

/// The failure of looking for a file's folder.
fn no_folder(path: PathBuf, folder: PathBuf, error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => Failure::NoFolder { path, folder: NoFolder::Missing(folder) },
        io::ErrorKind::NotADirectory => Failure::NoFolder { path, folder: NoFolder::NotFolder(folder) },
        _ => Failure::local_path("write", &path, error),
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
