//! `cloakroom get`: runs the conversation, then decrypts the body.

use cloakroom::client::{
    Body, ClientError, DeliveredBy, Media, NextStep, Party, follow, safe_file_name, safe_text,
};
use cloakroom::protocol::AccessToken;
use reqwest::Response;

use super::args::GetArgs;
use super::failure::Failure;
use super::network::Network;
use super::output::Target;
use super::progress::Progress;
use super::say::Say;
use super::sink::{BUFFER_BYTES, Sink};
use super::token;
use super::transport::Transport;

/// The length limit of a media type that is shown, in characters. All registered types are shorter.
const MAX_TYPE_CHARS: usize = 100;

/// The length limit of the reason for plain delivery that is shown, in characters.
const MAX_REASON_CHARS: usize = 100;

/// Downloads the media that the arguments name.
pub async fn get(args: GetArgs, say: &Say) -> Result<(), Failure> {
    let homeserver = args.account.homeserver()?;
    let target = Target::choose(args.output.as_deref(), args.force)?;
    let token = token::read(args.account.token_file.as_deref(), say)?;
    let exchange = follow::start(homeserver, args.download_request());
    download(exchange, &token, target, &args, say).await
}

async fn download(
    mut exchange: follow::Exchange,
    token: &AccessToken,
    target: Target,
    args: &GetArgs,
    say: &Say,
) -> Result<(), Failure> {
    let transport = Transport::new(Network::new(args.stall_timeout)?, token)?;
    loop {
        let reason = exchange.reason();
        let party = exchange.request().party().clone();
        let response = transport.send(exchange.request()).await?;
        let status = response.status();
        say.step(format_args!("{reason} ({} from {party})", status.as_u16()));
        exchange = match exchange.receive(status, response.headers())? {
            NextStep::Send(next) => next,
            NextStep::Read(document) => document.read(&transport.document(response, &party).await?)?,
            NextStep::Save(media) => {
                return save(Incoming { response, party, media: *media }, target, args, say).await;
            }
        };
    }
}

/// A response whose body is the media.
struct Incoming {
    response: Response,
    party: Party,
    media: Media,
}

async fn save(incoming: Incoming, target: Target, args: &GetArgs, say: &Say) -> Result<(), Failure> {
    let Incoming { mut response, party, media } = incoming;
    let Media { mut body, content_type, content_disposition, delivered_by, plain_reason } = media;
    if let Some(reason) = plain_reason {
        let reason = safe_text(&reason, None, MAX_REASON_CHARS);
        say.step(format_args!("the homeserver sent the media unencrypted: {reason}"));
    }
    let name = safe_file_name(content_disposition.as_deref(), &args.media.media_id);
    let mut output = target.open(&name, args.force).await?;
    let progress = Progress::new(body.length(), say.is_quiet() || output.is_terminal());
    let stall_secs = args.stall_timeout.as_secs();
    let pumped = pump(&mut response, &mut body, output.sink(), &progress).await;
    progress.clear();
    let bytes = pumped.map_err(|stop| stop.into_failure(&party, stall_secs, &output.label()))?;
    let place = output.finish().await?;
    let content_type = safe_text(&content_type, None, MAX_TYPE_CHARS);
    let by = match delivered_by {
        DeliveredBy::Encrypted(alg) => format!("via an encrypted link ({})", alg.as_str()),
        DeliveredBy::Verbatim => "via a link, as stored".to_owned(),
        DeliveredBy::Plain => format!("plain, from {party}"),
    };
    say.note(format_args!("{place}: {bytes} bytes, {content_type}, {by}"));
    Ok(())
}

/// The reason why a body ended early.
enum Stop {
    Rules(ClientError),
    Transport { error: reqwest::Error, broken_off: ClientError },
    Write(std::io::Error),
}

impl Stop {
    fn into_failure(self, party: &Party, stall_secs: u64, label: &str) -> Failure {
        match self {
            Self::Rules(error) => error.into(),
            Self::Transport { error, .. } if error.is_timeout() => {
                Failure::Stalled { party: party.clone(), seconds: stall_secs }
            }
            // A lost connection and an early end have the same meaning: bytes are missing.
            Self::Transport { broken_off, .. } => broken_off.into(),
            Self::Write(error) => Failure::write(label, error),
        }
    }
}

/// Receives the body, decrypts it in place and writes it. Returns the number of bytes written. It needs two
/// buffers of [`BUFFER_BYTES`]: one is filled while the other is written.
async fn pump(
    response: &mut Response,
    body: &mut Body,
    sink: &mut Sink,
    progress: &Progress,
) -> Result<u64, Stop> {
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let mut handed_on = 0;
    let lost = loop {
        if body.wanted().is_some_and(|wanted| wanted <= buffer.len() as u64) {
            break None;
        }
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        let mut rest = chunk.as_ref();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BUFFER_BYTES - buffer.len()));
            buffer.extend_from_slice(now);
            rest = later;
            if buffer.len() == BUFFER_BYTES {
                (buffer, handed_on) = hand_on(buffer, handed_on, body, sink).await?;
                progress.set(handed_on);
            }
        }
    };
    (_, handed_on) = hand_on(buffer, handed_on, body, sink).await?;
    match lost {
        Some(error) => Err(Stop::Transport { error, broken_off: body.broken_off().into() }),
        None => body.finish().map(|()| handed_on).map_err(|error| Stop::Rules(error.into())),
    }
}

/// Decrypts a buffer and passes it to the sink. Returns an empty buffer and the new number of bytes written.
async fn hand_on(
    mut buffer: Vec<u8>,
    handed_on: u64,
    body: &mut Body,
    sink: &mut Sink,
) -> Result<(Vec<u8>, u64), Stop> {
    let range = body.push(&mut buffer).map_err(|error| Stop::Rules(error.into()))?;
    let length = range.len() as u64;
    let empty = sink.write(buffer, range).await.map_err(Stop::Write)?;
    Ok((empty, handed_on + length))
}
