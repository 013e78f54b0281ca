//! A homeserver that advertises an edge, that edge, and a folder in which the client runs.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use cloakroom::cipher::{Key, Keystream};
use cloakroom::protocol::{Answer, Metadata, Protection};
use http::{HeaderMap, HeaderName};
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::server::{Asked, Reply, Server};

pub const ACCESS_TOKEN: &str = "syt_dGVzdA_accesstokenofthetest";
pub const MXC: &str = "mxc://media.example/AbCdEf";
pub const CONFIG_PATH: &str = "/_matrix/client/v1/media/config";
pub const MEDIA_PATH: &str = "/_matrix/client/v1/media/download/media.example/AbCdEf";

/// The size of the media, in bytes: more than one buffer of the client, and not a multiple of a block.
pub const SIZE: usize = 700_001;

/// Returns pseudorandom bytes.
pub fn plaintext() -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    Keystream::body(&Key::chacha20([1; 32])).apply(&mut bytes).unwrap();
    bytes
}

pub fn key() -> Key {
    Key::chacha20([0xc3; 32])
}

pub fn metadata() -> Metadata {
    Metadata {
        size: SIZE as u64,
        content_type: "image/png".to_owned(),
        content_disposition: Some("inline; filename=\"picture.png\"".to_owned()),
    }
}

/// Returns the path of the `n`th link of a test.
pub fn link_path(n: usize) -> String {
    format!("/linktoken{n}{}A", "b".repeat(42 - "linktoken1".len()))
}

/// Returns an answer with the `n`th link, marked as `delivery`.
pub fn answer(delivery: &str, edge: &str, n: usize) -> Reply {
    answer_with(delivery, edge, n, Some(key()))
}

pub fn answer_with(delivery: &str, edge: &str, n: usize, key: Option<Key>) -> Reply {
    answer_of(key, metadata(), delivery, edge, n)
}

/// Returns an answer for an object with this metadata.
pub fn answer_about(about: &Metadata, delivery: &str, edge: &str, n: usize) -> Reply {
    answer_of(Some(key()), about.clone(), delivery, edge, n)
}

fn answer_of(key: Option<Key>, metadata: Metadata, delivery: &str, edge: &str, n: usize) -> Reply {
    let answer = Answer {
        url: Zeroizing::new(format!("{edge}{}", link_path(n))),
        protection: key.map_or(Protection::None, Protection::Encrypted),
        expires_ts: 4_000_000_000_000,
        expires_in_ms: None,
        metadata,
    };
    let status = if delivery == "redirect" { 307 } else { 200 };
    Reply::new(status, answer.to_json().as_bytes())
        .header("org-matrix-msc4097-answer", delivery)
        .header("content-type", "application/json")
}

/// Returns an edge's response to a link with a key.
pub fn encrypted(asked: &Asked) -> Reply {
    linked(part(asked, &ciphertext()), &sealed(&metadata()))
}

/// A reply with the headers of a link with a key.
pub fn linked(reply: Reply, sealed: &str) -> Reply {
    reply.header("org-matrix-msc4097-link", "encrypted").header("org-matrix-msc4097-metadata", sealed)
}

pub fn ciphertext() -> Vec<u8> {
    let mut bytes = plaintext();
    Keystream::body(&key()).apply(&mut bytes).unwrap();
    bytes
}

/// Returns the sealed form of metadata.
pub fn sealed(metadata: &Metadata) -> String {
    Metadata::seal(&metadata.to_json(), &key()).unwrap().to_str().unwrap().to_owned()
}

/// Returns 200, 206 for a range, or 416.
pub fn part(asked: &Asked, bytes: &[u8]) -> Reply {
    use cloakroom::protocol::Requested;
    let mut headers = HeaderMap::new();
    if let Some(range) = asked.header("range") {
        headers.insert(HeaderName::from_static("range"), range.parse().unwrap());
    }
    match Requested::from_headers(&headers, bytes.len() as u64) {
        Requested::Whole => Reply::new(200, bytes),
        Requested::Unsatisfiable => {
            Reply::new(416, "").header("content-range", format!("bytes */{}", bytes.len()))
        }
        Requested::Part(range) => {
            let slice = usize::try_from(range.start()).unwrap()..usize::try_from(range.end()).unwrap();
            Reply::new(206, &bytes[slice]).header("content-range", range.to_content_range(bytes.len() as u64))
        }
    }
}

/// Returns the plain response of a homeserver.
pub fn plain(asked: &Asked) -> Reply {
    part(asked, &plaintext())
        .header("content-type", "image/png")
        .header("content-disposition", "inline; filename=picture.png")
}

/// A homeserver, an edge and a folder.
pub struct World {
    pub homeserver: Server,
    pub edge: Server,
    folder: TempDir,
}

impl World {
    /// Starts both servers. `media(request, edge, n)` answers the `n`th request for media at the homeserver,
    /// and `link(request, n)` the `n`th request at the edge. The first request has `n` = 1.
    pub fn new(
        media: impl Fn(&Asked, &str, usize) -> Reply + Send + Sync + 'static,
        link: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let links = AtomicUsize::new(0);
        let edge = Server::start(move |asked| link(asked, links.fetch_add(1, Ordering::Relaxed) + 1));
        let edge_origin = edge.origin();
        let asks = AtomicUsize::new(0);
        let homeserver = Server::start(move |asked| {
            if asked.path == CONFIG_PATH {
                return Reply::new(200, config(&edge_origin));
            }
            media(asked, &edge_origin, asks.fetch_add(1, Ordering::Relaxed) + 1)
        });
        Self { homeserver, edge, folder: TempDir::new().unwrap() }
    }

    /// A world in which everything works, with the delivery that the client asks for.
    pub fn good() -> Self {
        Self::new(|asked, edge, n| answer(delivery_of(asked), edge, n), |asked, _| encrypted(asked))
    }

    /// A world in which everything works, but `link` is the edge.
    pub fn with_edge(link: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::new(|asked, edge, n| answer(delivery_of(asked), edge, n), move |asked, _| link(asked))
    }

    /// A world whose homeserver never sends an answer.
    pub fn without_answers(media: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::new(move |asked, _, _| media(asked), |_, _| Reply::new(500, ""))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the names in the folder, hidden ones included.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Returns the command `cloakroom <args>` in the folder, with homeserver and token in its environment.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_by(&[], args)
    }

    /// The same, started by another program: `<starter> cloakroom <args>`.
    pub fn command_by(&self, starter: &[&str], args: &[&str]) -> Command {
        let line = [starter, &[env!("CARGO_BIN_EXE_cloakroom")], args].concat();
        let mut command = Command::new(line[0]);
        command
            .args(&line[1..])
            .current_dir(self.folder.path())
            .env("CLOAKROOM_HOMESERVER", self.homeserver.origin())
            .env("CLOAKROOM_TOKEN", ACCESS_TOKEN)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `cloakroom get --verbose <args> mxc://…`.
    pub fn get(&self, args: &[&str]) -> Run {
        let args = [&["get", "--verbose"], args, &[MXC]].concat();
        Run::of(self.command(&args).output().unwrap())
    }

    pub fn spawn_get(&self, args: &[&str]) -> Child {
        self.command(&[&["get", "--verbose"], args, &[MXC]].concat()).spawn().unwrap()
    }

    /// Returns path and query of each request at the homeserver.
    pub fn homeserver_paths(&self) -> Vec<String> {
        self.homeserver.asked().into_iter().map(|asked| asked.path).collect()
    }
}

/// Returns the media config of a homeserver with an edge.
pub fn config(edge: &str) -> String {
    format!(
        r#"{{"m.upload.size":1,"org.matrix.msc4097":{{"deliveries":["redirect","json"],"algs":["chacha20"],"edge":"{edge}"}}}}"#
    )
}

/// Returns the delivery that a request asks for. Panics if there is none.
pub fn delivery_of(asked: &Asked) -> &'static str {
    let asks = |delivery: &&str| asked.path.contains(&format!("org.matrix.msc4097.delivery={delivery}"));
    ["redirect", "json"].into_iter().find(asks).unwrap()
}

/// The outcome of a run.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    /// Takes an output. Fails if it contains a secret.
    pub fn of(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        let key = key().to_base64url();
        for (secret, name) in [(ACCESS_TOKEN, "the access token"), (&key, "the key"), ("linktoken", "a link")]
        {
            // A host name is in lower case.
            let found = stderr.to_ascii_lowercase().contains(&secret.to_ascii_lowercase());
            assert!(!found, "{name} is in: {stderr}");
            let found = output.stdout.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{name} is in the output");
        }
        Self { code: output.status.code(), stdout: output.stdout, stderr }
    }

    /// Fails unless the run ended with this code and printed all these texts on standard error.
    pub fn expect(self, code: i32, said: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        for text in said {
            assert!(self.stderr.contains(text), "not in stderr: {text}\n{}", self.stderr);
        }
        self
    }
}
