//! What went wrong: a sentence, what to do about it, an exit code. Holds no key or link of ours;
//! words from outside are made safe where they are said ([`super::say`]).

use std::io;
use std::path::{Path, PathBuf};

use cloakroom::client::public_link::NoPublicLink;
use cloakroom::client::{BodyError, Class, ClientError, Party, Refusal};
use cloakroom::protocol::MxcUri;

/// Why the command fails.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line, the environment or the token file.
    #[error("{what}")]
    Usage { what: String, hint: &'static str },
    /// The rules of the protocol ended the download.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A server could not be talked to.
    #[error("cannot reach {party}: {cause}")]
    Unreachable { party: Party, cause: String },
    /// The proxy on the way to a server could not be talked to, or refused.
    #[error("cannot reach {party} through the proxy {proxy}: {cause}")]
    Proxy { party: Party, proxy: String, cause: String },
    /// A server fell silent.
    #[error("{party} sent nothing for {seconds} s")]
    Stalled { party: Party, seconds: u64 },
    /// A file could not be made or written.
    #[error("{what}: {source}")]
    Local { what: String, source: io::Error },
    /// The folder of a file is not there, or is none.
    #[error("cannot write {}: {folder}", .path.display())]
    NoFolder { path: PathBuf, folder: NoFolder },
    /// Whoever read a pipe has left, as `head` does when it has enough.
    #[error("the reader of {what} has closed it")]
    ReaderLeft { what: String },
    /// The target exists.
    #[error("{} already exists", .0.display())]
    Exists(PathBuf),
    /// The homeserver does not say who the user is.
    #[error("the homeserver accepted the access token but named no user")]
    Nobody,
    /// No link works without an account.
    #[error("no link to {media} works without an account: {why}")]
    NoPublicLink { media: MxcUri, why: NoPublicLink },
    /// Ctrl-C, or a request to end.
    #[error("interrupted")]
    Interrupted { signal: u8 },
}

/// What stands where a file's folder should be.
#[derive(Debug, thiserror::Error)]
pub enum NoFolder {
    /// Nothing.
    #[error("the folder {} does not exist", .0.display())]
    Missing(PathBuf),
    /// A file.
    #[error("{} is not a folder", .0.display())]
    NotFolder(PathBuf),
}

/// The signal that ends other programs when they write to a pipe that nobody reads.
const SIGPIPE: u8 = 13;

impl Failure {
    pub fn usage(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Usage { what: what.into(), hint }
    }

    pub fn local(what: impl Into<String>, source: io::Error) -> Self {
        Self::Local { what: what.into(), source }
    }

    /// A failed write to `what`.
    pub fn write(what: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderLeft { what: what.to_owned() },
            _ => Self::local(format!("cannot write {what}"), source),
        }
    }

    pub fn local_path(doing: &str, path: &Path, source: io::Error) -> Self {
        Self::local(format!("cannot {doing} {}", path.display()), source)
    }

    /// A transport error without its URL, which may be a link.
    pub fn network(error: &reqwest::Error, party: &Party, stall_secs: u64) -> Self {
        if error.is_timeout() && !error.is_connect() {
            return Self::Stalled { party: party.clone(), seconds: stall_secs };
        }
        Self::Unreachable { party: party.clone(), cause: root_cause(error) }
    }

    /// As `--help` lists them.
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

    /// What the user can do.
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

/// The innermost error, which says most. The outermost prints its URL: standing alone, it is not shown.
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
        (_, 403) => "this account may not read these media",
        (_, 404) => {
            "check the mxc URI; the media may have been deleted, or their homeserver may be unreachable"
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
