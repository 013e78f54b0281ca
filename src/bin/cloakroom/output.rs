//! The output: a file, which appears only when it is complete, or a stream.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::failure::{Failure, NoFolder};
use super::sink::Sink;

/// The target that `--output` names.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output: `-`.
    Stdout,
    /// A pipe or a device, which a file must not replace.
    Device(PathBuf),
    /// A new file, or one to overwrite.
    File(PathBuf),
    /// A folder, which is empty for the current one. The media's file name is added to it.
    Folder(PathBuf),
}

impl Target {
    /// Checks `--output` before the first request.
    ///
    /// # Errors
    /// The file exists and `force` is not set, the folder does not exist, or standard output is a terminal
    /// and `force` is not set.
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
        // `symlink_metadata`, because a symbolic link without a target blocks the name too.
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

    /// Opens the output. `name` is the media's file name, made safe by `safe_file_name`.
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

/// An open output.
pub struct Output {
    sink: Sink,
    place: Place,
    terminal: bool,
}

enum Place {
    Stream(String),
    /// A file under a temporary name. Dropping this removes the temporary file.
    File {
        temporary: TempPath,
        path: PathBuf,
        force: bool,
    },
}

impl Output {
    /// Returns whether the output is a terminal, which only `--force` allows.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    pub fn sink(&mut self) -> &mut Sink {
        &mut self.sink
    }

    /// Returns the name of the output for messages.
    pub fn label(&self) -> String {
        match &self.place {
            Place::Stream(label) => label.clone(),
            Place::File { path, .. } => path.display().to_string(),
        }
    }

    /// Waits for the last write and renames a temporary file to its final name. Returns the label.
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
    // Opening a pipe blocks until it has a reader.
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

/// Creates a temporary file in the same folder, so that it can be renamed to `path`.
fn temporary_beside(path: &Path) -> Result<(File, TempPath), Failure> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".cloakroom-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The mode of ordinary new files; the user's umask still applies.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let made = builder.tempfile_in(folder_of(path));
    made.map(tempfile::NamedTempFile::into_parts).map_err(|error| Failure::local_path("write", path, error))
}

/// Returns the folder that must exist for `--output`: the path itself if it ends with a slash, or its parent.
fn folder_named(path: &Path) -> PathBuf {
    let is_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    if is_folder { path.to_owned() } else { folder_of(path).to_owned() }
}

/// Returns the failure for a file whose folder cannot be read.
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
