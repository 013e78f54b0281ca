//! Failures of a command: message, hint and exit code.
//!
//! A failure contains no key and no link. Texts from outside are made safe when they are printed
//! ([`super::say`]).

use std::io;
use std::path::{Path, PathBuf};

use cloakroom::client::public_link::NoPublicLink;
use cloakroom::client::{BodyError, Class, ClientError, Party, Refusal};
use cloakroom::protocol::MxcUri;

/// The reason why a command fails.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line, the environment or the token file is wrong.
    #[error("{what}")]
    Usage { what: String, hint: &'static str },
    /// A rule of the client ended the download.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The connection to a server failed.
    #[error("cannot reach {party}: {cause}")]
    Unreachable { party: Party, cause: String },
    /// The connection to the proxy failed, or the proxy refused the request.
    #[error("cannot reach {party} through the proxy {proxy}: {cause}")]
    Proxy { party: Party, proxy: String, cause: String },
    /// A server stopped sending.
    #[error("{party} sent nothing for {seconds} s")]
    Stalled { party: Party, seconds: u64 },
    /// A local operation failed, such as writing a file.
    #[error("{what}: {source}")]
    Local { what: String, source: io::Error },
    /// The folder of a file does not exist, or is not a folder.
    #[error("cannot write {}: {folder}", .path.display())]
    NoFolder { path: PathBuf, folder: NoFolder },
    /// The reader of a pipe has closed it, as `head` does.
    #[error("the reader of {what} has closed it")]
    ReaderLeft { what: String },
    /// The target file exists.
    #[error("{} already exists", .0.display())]
    Exists(PathBuf),
    /// The homeserver does not return the user's id.
    #[error("the homeserver accepted the access token but named no user")]
    Nobody,
    /// The media has no public link.
    #[error("no link to {media} works without an account: {why}")]
    NoPublicLink { media: MxcUri, why: NoPublicLink },
    /// A signal stopped the command.
    #[error("interrupted")]
    Interrupted { signal: u8 },
}

/// The problem with the folder of a file.
#[derive(Debug, thiserror::Error)]
pub enum NoFolder {
    /// The folder does not exist.
    #[error("the folder {} does not exist", .0.display())]
    Missing(PathBuf),
    /// The path is not a folder.
    #[error("{} is not a folder", .0.display())]
    NotFolder(PathBuf),
}

/// The signal that ends other programs when they write to a closed pipe.
const SIGPIPE: u8 = 13;

impl Failure {
    pub fn usage(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Usage { what: what.into(), hint }
    }

    pub fn local(what: impl Into<String>, source: io::Error) -> Self {
        Self::Local { what: what.into(), source }
    }

    /// Returns the failure of a write to `what`.
    pub fn write(what: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderLeft { what: what.to_owned() },
            _ => Self::local(format!("cannot write {what}"), source),
        }
    }

    pub fn local_path(doing: &str, path: &Path, source: io::Error) -> Self {
        Self::local(format!("cannot {doing} {}", path.display()), source)
    }

    /// Returns the failure of a request, without its URL, which may be a link.
    pub fn network(error: &reqwest::Error, party: &Party, stall_secs: u64) -> Self {
        if error.is_timeout() && !error.is_connect() {
            return Self::Stalled { party: party.clone(), seconds: stall_secs };
        }
        Self::Unreachable { party: party.clone(), cause: root_cause(error) }
    }

    /// Returns the exit code, as `--help` lists it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } => 2,
            Self::Client(error) => match error.class() {
                Class::Range => 2,
                Class::Refused => 3,
                Class::NotFound => 4,
                Class::Unavailable => 5,
                Class::Violation => 6,
                Class::Changed => 7,
            },
            Self::Unreachable { .. } | Self::Proxy { .. } | Self::Stalled { .. } => 5,
            Self::Nobody => 6,
            Self::Local { .. } | Self::NoFolder { .. } | Self::Exists(_) => 8,
            Self::ReaderLeft { .. } => 128 + SIGPIPE,
            Self::NoPublicLink { .. } => 9,
            Self::Interrupted { signal } => 128 + signal,
        }
    }

    /// Returns a hint for the user, if there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Usage { hint, .. } => hint,
            Self::Client(ClientError::Homeserver(refusal)) => return refusal_hint(refusal),
            Self::Client(ClientError::Edge(status)) if status.is_server_error() => {
                "try again, or use --plain to download without the edge"
            }
            Self::Client(ClientError::Elsewhere { .. }) => "try again: redirects expire",
            Self::Client(ClientError::Body(BodyError::RangeIgnored)) => {
                "download the whole file: leave out --range"
            }
            Self::Client(ClientError::Body(BodyError::ShorterRange { sent, .. })) => {
                let (first, last) = (sent.start(), sent.end() - 1);
                return Some(format!(
                    "download this part with --range {first}-{last}, then the rest, or the whole file without --range"
                ));
            }
            Self::Client(
                ClientError::TooManyRedirects(_) | ClientError::BadRedirect | ClientError::InsecureRedirect,
            ) => "report it to the homeserver's administrator",
            Self::Client(error) => match error.class() {
                Class::Changed => "do not use what was received; try again",
                Class::Violation => {
                    "nothing was saved; report it to the homeserver's administrator, or use --plain to download \
                     without the edge"
                }
                _ => return None,
            },
            Self::Unreachable { .. } => "check the address and your network connection",
            Self::Proxy { .. } => {
                "check the proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY; list hosts to reach without it in \
                 NO_PROXY"
            }
            Self::Stalled { .. } => "try again, or allow longer pauses with --stall-timeout",
            Self::NoFolder { folder: NoFolder::Missing(_), .. } => {
                "create the folder first, or choose another path with --output"
            }
            Self::NoFolder { folder: NoFolder::NotFolder(_), .. } => "choose another path with --output",
            Self::Exists(_) => "overwrite it with --force, or choose another path with --output",
            Self::Nobody => "check that the address is that of a Matrix homeserver's client-server API",
            Self::NoPublicLink { .. } => {
                "share the mxc URI with people who have an account, and send the file itself to others"
            }
            Self::Local { .. } | Self::ReaderLeft { .. } | Self::Interrupted { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// Returns the message of the innermost error, which says most. The outermost error is never used, because
/// its message contains the URL.
pub fn root_cause(error: &reqwest::Error) -> String {
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    cause.map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

fn refusal_hint(refusal: &Refusal) -> Option<String> {
    let hint = match (refusal.errcode.as_str(), refusal.status.as_u16()) {
        ("M_UNKNOWN_TOKEN" | "M_MISSING_TOKEN", _) => {
            "the access token is invalid or expired: log in again and store the new token"
        }
        ("M_UNRECOGNIZED", _) => {
            "the homeserver does not support authenticated media (Matrix 1.11): check its address"
        }
        ("M_NOT_YET_UPLOADED", _) => "the sender has not uploaded the media yet: try again later",
        (_, 403) => "this account may not read this media",
        (_, 404) => {
            "check the mxc URI; the media may have been deleted, or its homeserver may be unreachable"
        }
        (_, 429) => {
            let pause = refusal.retry_after_secs.map_or("a while".to_owned(), |secs| format!("{secs} s"));
            return Some(format!("too many requests: try again in {pause}"));
        }
        (_, 500..) => "the homeserver has a problem: try again later",
        _ => return None,
    };
    Some(hint.to_owned())
}
