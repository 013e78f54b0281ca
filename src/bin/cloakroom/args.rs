//! The command line. Doc comments of commands and options are their help texts; snapshots in `tests/cli` have
//! copies of them.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use cloakroom::client::{DownloadRequest, HomeserverUrl, RangeRequest};
use cloakroom::protocol::{
    Algorithm, Delivery, MxcUri, Object, OptIn, Thumbnail, ThumbnailMethod, Variant, decimal,
};

use super::failure::Failure;

/// Download Matrix media by encrypted links
#[derive(Debug, Parser)]
#[command(name = "cloakroom", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Get(Box<GetArgs>),
    Link(LinkArgs),
}

impl Command {
    pub fn talk(&self) -> Talk {
        match self {
            Self::Get(args) => args.talk,
            Self::Link(args) => args.talk,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  export CLOAKROOM_HOMESERVER=https://matrix.example.org
  cloakroom get --token-file ~/.config/cloakroom/token mxc://example.org/AbCdEf
      Save it here, under the name that its sender gave it.
  cloakroom get mxc://example.org/AbCdEf -o picture.png
      With the access token in the environment variable CLOAKROOM_TOKEN.
  cloakroom get mxc://example.org/AbCdEf -o - | mpv -
      Decrypt to standard output.
  cloakroom get mxc://example.org/AbCdEf --range 0-1023 -o head.bin
      The first KiB only.";

const TOKEN_FILE: &str =
    "File that holds the access token [default: the environment variable CLOAKROOM_TOKEN]";

const EXIT_CODES: &str = "\
The access token comes from --token-file or from the environment variable CLOAKROOM_TOKEN, never
from the command line, where other users can read it. It is sent to the homeserver and to nobody
else. The media arrive complete or not at all: they are saved under a temporary name first.

Requests go through the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names, except to the hosts
in NO_PROXY. Requests to this machine (localhost, 127.0.0.1, [::1]) never do.

Encrypted delivery is confidential only, not authenticated; TLS carries integrity. Attachments of
encrypted rooms come as they are stored: their keys are in their events, not in this protocol.

Exit codes:
  0    saved
  2    usage: an option, the token file or the range is not as it should be
  3    the homeserver refused (401, 403 and other 4xx)
  4    no such media, or not uploaded yet
  5    network: nobody there, a stall, a server error (5xx), too many requests (429)
  6    protocol violation: an answer that was not asked for, a key that does not fit
  7    cut off, or another object than the one that was promised
  8    local file error; the file exists already
  130  interrupted (129: the terminal was closed, 143: terminated)
  141  nobody reads standard output any more, as in: cloakroom get ... -o - | head -c 10";

/// Download media: ask the homeserver, follow the link, decrypt while saving
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct GetArgs {
    /// The media: mxc://<server name>/<media id>
    #[arg(value_name = "MXC_URI", value_parser = MxcUri::parse)]
    pub media: MxcUri,

    #[command(flatten)]
    pub account: Account,

    /// File or folder to save to, - for standard output [default: the media's own name, here]
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,

    /// Overwrite an existing file; write to a terminal
    #[arg(short, long)]
    pub force: bool,

    /// Only these bytes: START-END (both included), START- or -SUFFIX
    #[arg(long, allow_hyphen_values = true, requires = "output")]
    pub range: Option<RangeRequest>,

    /// A thumbnail of about this many pixels instead of the original
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = parse_size)]
    pub thumbnail: Option<(u32, u32)>,

    /// How the thumbnail is made to fit
    #[arg(long, requires = "thumbnail", value_parser = method_parser())]
    pub method: Option<ThumbnailMethod>,

    /// How the homeserver is asked for link and key
    #[arg(long, default_value = "redirect", value_parser = delivery_parser())]
    pub delivery: Delivery,

    /// The media are ciphertext already (an encrypted room's attachment): accept them as stored
    #[arg(long)]
    pub verbatim: bool,

    /// Do not ask for encrypted delivery: download from the homeserver
    #[arg(long, conflicts_with_all = ["delivery", "verbatim"])]
    pub plain: bool,

    /// Give up when nothing arrives for so long; there is no limit on the whole
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    pub stall_timeout: Duration,

    #[command(flatten)]
    pub talk: Talk,
}

const LINK_EXAMPLES: &str = "\
Examples:
  export CLOAKROOM_HOMESERVER=https://matrix.example.org
  cloakroom link mxc://example.org/AbCdEf
      With the access token in the environment variable CLOAKROOM_TOKEN.
  cloakroom link mxc://example.org/AbCdEf | xclip
      The link and nothing else: all that is said about it goes to standard error.";

const LINK_EXIT_CODES: &str = "\
The link is the media's address on your homeserver's legacy endpoint, which asks for no account. It
is printed only if it works: if the homeserver's policy (m.media.unauthenticated) is not against it,
and the media came when they were asked for without the access token. A policy can change.

Exit codes:
  0    a link was printed, and works
  2    usage: an option or the token file is not as it should be
  3    the homeserver refused (401, 403 and other 4xx)
  4    no such media, or not uploaded yet
  5    network: nobody there, a stall, a server error (5xx), too many requests (429)
  6    protocol violation: the homeserver does not say who you are
  8    standard output could not be written
  9    no link works without an account: a policy or the homeserver itself is against it
  130  interrupted (129: the terminal was closed, 143: terminated)
  141  nobody reads standard output any more";

/// Print a link that works without an account, or say why there is none
#[derive(Debug, Args)]
#[command(after_help = LINK_EXAMPLES, after_long_help = format!("{LINK_EXAMPLES}\n\n{LINK_EXIT_CODES}"))]
pub struct LinkArgs {
    /// The media: mxc://<server name>/<media id>
    #[arg(value_name = "MXC_URI", value_parser = MxcUri::parse)]
    pub media: MxcUri,

    #[command(flatten)]
    pub account: Account,

    /// Give up when nothing arrives for so long
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    pub stall_timeout: Duration,

    #[command(flatten)]
    pub talk: Talk,
}

/// Who asks whom.
#[derive(Debug, Args)]
pub struct Account {
    /// Your homeserver: the one that the access token is from
    #[arg(long, value_name = "URL", env = "CLOAKROOM_HOMESERVER", hide_env_values = true)]
    #[arg(value_parser = HomeserverUrl::parse)]
    homeserver: Option<HomeserverUrl>,

    // clap's `env` would read the token too, but needs an option for it, and others can read command lines.
    #[arg(long, value_name = "PATH", help = TOKEN_FILE)]
    pub token_file: Option<PathBuf>,
}

impl Account {
    /// Returns the homeserver, which the user must give as an option or in the environment.
    pub fn homeserver(&self) -> Result<HomeserverUrl, Failure> {
        let hint = "give --homeserver https://matrix.example.org, or set CLOAKROOM_HOMESERVER: your own \
                    homeserver, not the one in the mxc URI";
        self.homeserver.clone().ok_or_else(|| Failure::usage("no homeserver", hint))
    }
}

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Talk {
    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say what is asked of whom, and why
    #[arg(short, long)]
    pub verbose: bool,
}

impl GetArgs {
    /// Returns the download that the arguments describe.
    pub fn download_request(&self) -> DownloadRequest {
        let MxcUri { server_name, media_id } = self.media.clone();
        let variant = match self.thumbnail {
            Some((width, height)) => {
                Variant::Thumbnail(Thumbnail { width, height, method: self.method, animated: None })
            }
            None => Variant::Original,
        };
        let opt_in = OptIn { delivery: self.delivery, alg: Algorithm::ChaCha20, verbatim: self.verbatim };
        DownloadRequest {
            object: Object { server_name, media_id, variant },
            opt_in: (!self.plain).then_some(opt_in),
            range: self.range.clone(),
            size_bytes: None,
        }
    }
}

fn parse_size(text: &str) -> Result<(u32, u32), &'static str> {
    let expected = "expected WIDTHxHEIGHT in pixels: 320x240";
    let (width, height) = text.split_once('x').ok_or(expected)?;
    let pixels = |text: &str| decimal::<u32>(text).filter(|pixels| *pixels > 0).ok_or(expected);
    Ok((pixels(width)?, pixels(height)?))
}

fn parse_seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = decimal::<u32>(text).filter(|seconds| *seconds > 0);
    seconds.map(|seconds| Duration::from_secs(seconds.into())).ok_or("expected whole seconds, at least 1")
}

fn delivery_parser() -> impl clap::builder::TypedValueParser<Value = Delivery> {
    PossibleValuesParser::new(Delivery::ALL.map(Delivery::as_str))
        .try_map(|word| Delivery::parse(&word).ok_or("unknown delivery"))
}

fn method_parser() -> impl clap::builder::TypedValueParser<Value = ThumbnailMethod> {
    PossibleValuesParser::new(["crop", "scale"])
        .try_map(|word| ThumbnailMethod::parse(&word).ok_or("unknown method"))
}
