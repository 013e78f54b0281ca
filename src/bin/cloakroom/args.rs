//! The command line. Doc comments of commands and options are their help texts; snapshots in `tests/cli` have
//! copies of them.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use cloakroom::client::{ClientOptIn, DownloadRequest, HomeserverUrl, RangeRequest};
use cloakroom::protocol::{
    Algorithm, Delivery, MxcUri, Object, OptIn, SESSION_DELIVERY, Thumbnail, ThumbnailMethod, Variant,
    decimal,
};

use super::failure::Failure;

/// Download Matrix media through encrypted links
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
      Save the file in this folder, under the name that its sender chose.
  cloakroom get mxc://example.org/AbCdEf -o picture.png
      Read the access token from the environment variable CLOAKROOM_TOKEN.
  cloakroom get mxc://example.org/AbCdEf -o - | mpv -
      Write the decrypted media to standard output.
  cloakroom get mxc://example.org/AbCdEf --range 0-1023 -o head.bin
      Download the first KiB only.";

const TOKEN_FILE: &str =
    "Read the access token from this file [default: the environment variable CLOAKROOM_TOKEN]";

const EXIT_CODES: &str = "\
The access token comes from --token-file or the environment variable CLOAKROOM_TOKEN, never from
the command line, where other users can read it. Only the homeserver receives it. A file appears
under its name when it is complete; until then it has a temporary name.

Requests go through the proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, except to the hosts in
NO_PROXY and to this machine (localhost, 127.0.0.1, [::1]).

Encrypted delivery provides confidentiality only; TLS provides integrity. Attachments of encrypted
rooms are saved as ciphertext: their keys are in the room's events.

Exit codes:
  0    the media was saved
  2    usage error: invalid option, access token or range
  3    the homeserver refused the request (401, 403 and other 4xx)
  4    the media does not exist, or is not uploaded yet
  5    network error: unreachable server, stall, server error (5xx), too many requests (429)
  6    protocol violation, such as an answer that was not asked for or a key that does not fit
  7    the download was cut off, or is not the promised object
  8    a file cannot be written, or already exists
  130  interrupted (129: terminal closed, 143: terminated)
  141  the reader closed standard output, as in: cloakroom get ... -o - | head -c 10";

/// Download media: ask the homeserver, follow the link, decrypt while saving
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct GetArgs {
    /// Media to download: mxc://<server name>/<media id>
    #[arg(value_name = "MXC_URI", value_parser = MxcUri::parse)]
    pub media: MxcUri,

    #[command(flatten)]
    pub account: Account,

    /// Save to this file or folder, or - for standard output [default: the sender's file name]
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,

    /// Overwrite an existing file, or write media to a terminal
    #[arg(short, long)]
    pub force: bool,

    /// Download only these bytes: START-END (inclusive), START-, or -COUNT for the last ones
    #[arg(long, allow_hyphen_values = true, requires = "output")]
    pub range: Option<RangeRequest>,

    /// Download a thumbnail of about this size in pixels instead of the original
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = parse_size)]
    pub thumbnail: Option<(u32, u32)>,

    /// Fit the thumbnail to its size by cropping or scaling
    #[arg(long, requires = "thumbnail", value_parser = method_parser())]
    pub method: Option<ThumbnailMethod>,

    /// Choose how the homeserver sends the link and the key
    #[arg(long, default_value = "redirect", value_parser = delivery_parser())]
    pub delivery: CliDelivery,

    /// Encrypt with this algorithm
    #[arg(long, default_value = "chacha20", value_parser = alg_parser())]
    pub alg: Algorithm,

    /// Accept media that is already ciphertext (attachments of encrypted rooms) as stored
    #[arg(long)]
    pub verbatim: bool,

    /// Download plain media: do not ask for encrypted delivery
    #[arg(long, conflicts_with_all = ["delivery", "alg", "verbatim"])]
    pub plain: bool,

    /// Abort after this many seconds without data (no overall limit)
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    pub stall_timeout: Duration,

    #[command(flatten)]
    pub talk: Talk,
}

const LINK_EXAMPLES: &str = "\
Examples:
  export CLOAKROOM_HOMESERVER=https://matrix.example.org
  cloakroom link mxc://example.org/AbCdEf
      Read the access token from the environment variable CLOAKROOM_TOKEN.
  cloakroom link mxc://example.org/AbCdEf | xclip
      Copy the link. Only the link goes to standard output; messages go to standard error.";

const LINK_EXIT_CODES: &str = "\
The link is the media's URL on your homeserver's legacy endpoint, which needs no account. It is
printed only if it works: the homeserver's policy (m.media.unauthenticated) must not forbid it, and
a request without the access token must get the media. The policy can change later.

Exit codes:
  0    a link that works was printed
  2    usage error: invalid option or access token
  3    the homeserver refused the request (401, 403 and other 4xx)
  4    the media does not exist, or is not uploaded yet
  5    network error: unreachable server, stall, server error (5xx), too many requests (429)
  6    protocol violation, such as a homeserver that does not name your user id
  8    standard output cannot be written
  9    no link works without an account: a policy or the homeserver forbids it
  130  interrupted (129: terminal closed, 143: terminated)
  141  the reader closed standard output";

/// Print a link that works without an account, or explain why none does
#[derive(Debug, Args)]
#[command(after_help = LINK_EXAMPLES, after_long_help = format!("{LINK_EXAMPLES}\n\n{LINK_EXIT_CODES}"))]
pub struct LinkArgs {
    /// Media to link to: mxc://<server name>/<media id>
    #[arg(value_name = "MXC_URI", value_parser = MxcUri::parse)]
    pub media: MxcUri,

    #[command(flatten)]
    pub account: Account,

    /// Abort after this many seconds without data
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    pub stall_timeout: Duration,

    #[command(flatten)]
    pub talk: Talk,
}

/// The homeserver, and the account to use there.
#[derive(Debug, Args)]
pub struct Account {
    /// URL of your homeserver, which issued the access token
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
        let hint = "name your own homeserver, not the one in the mxc URI: --homeserver \
                    https://matrix.example.org, or CLOAKROOM_HOMESERVER";
        self.homeserver.clone().ok_or_else(|| Failure::usage("no homeserver given", hint))
    }
}

/// How much to print on standard error.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Talk {
    /// Print only errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Print each request and the reason for it
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
        let opt_in = match self.delivery {
            CliDelivery::Answer(delivery) => {
                ClientOptIn::Answer(OptIn { delivery, alg: self.alg, verbatim: self.verbatim })
            }
            CliDelivery::Session => ClientOptIn::Session(self.alg),
        };
        DownloadRequest {
            object: Object { server_name, media_id, variant },
            opt_in: (!self.plain).then_some(opt_in),
            range: self.range.clone(),
            size_bytes: None,
        }
    }
}

fn parse_size(text: &str) -> Result<(u32, u32), &'static str> {
    let expected = "expected WIDTHxHEIGHT in pixels, for example 320x240";
    let (width, height) = text.split_once('x').ok_or(expected)?;
    let pixels = |text: &str| decimal::<u32>(text).filter(|pixels| *pixels > 0).ok_or(expected);
    Ok((pixels(width)?, pixels(height)?))
}

fn parse_seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = decimal::<u32>(text).filter(|seconds| *seconds > 0);
    seconds
        .map(|seconds| Duration::from_secs(seconds.into()))
        .ok_or("expected a whole number of seconds, at least 1")
}

/// The value of `--delivery`.
#[derive(Clone, Copy, Debug)]
pub enum CliDelivery {
    Answer(Delivery),
    Session,
}

fn delivery_parser() -> impl clap::builder::TypedValueParser<Value = CliDelivery> {
    let words = Delivery::ALL.map(Delivery::as_str).into_iter().chain([SESSION_DELIVERY]);
    PossibleValuesParser::new(words).try_map(|word| match Delivery::parse(&word) {
        Some(delivery) => Ok(CliDelivery::Answer(delivery)),
        None if word == SESSION_DELIVERY => Ok(CliDelivery::Session),
        None => Err("unknown delivery"),
    })
}

fn alg_parser() -> impl clap::builder::TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::as_str))
        .try_map(|word| Algorithm::parse(&word).ok_or("unknown algorithm"))
}

fn method_parser() -> impl clap::builder::TypedValueParser<Value = ThumbnailMethod> {
    PossibleValuesParser::new(["crop", "scale"])
        .try_map(|word| ThumbnailMethod::parse(&word).ok_or("unknown method"))
}
