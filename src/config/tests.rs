//! Accepted values, and the errors for all others.

use super::*;

fn read(changes: &[(&str, &str)]) -> Result<Config, Misconfigured> {
    let mut variables = vec![
        ("HOMESERVER_URL", "https://synapse.example.org"),
        ("SERVER_NAME", "example.org"),
        ("EDGE_URL", "https://media.example.net/"),
        ("HOMESERVER_TOKEN", "syt_service"),
    ];
    variables.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    variables.extend_from_slice(changes);
    Config::read(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned()).filter(|value| value != "<unset>")
    })
}

fn messages(changes: &[(&str, &str)]) -> String {
    let errors = read(changes).unwrap_err().errors;
    errors.iter().map(ConfigError::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn defaults() {
    let config = read(&[]).unwrap();
    assert_eq!(
        (config.role.name(), config.grant_ttl_secs, config.redirect_min_bytes),
        (RoleName::Both, 300, 65536)
    );
    assert_eq!(config.edge.as_str(), "https://media.example.net");
    assert!(!config.plain_redirect && config.encrypted_media == EncryptedMedia::Reencrypt);
}

#[test]
fn every_wrong_variable_is_reported_with_its_allowed_values() {
    insta::assert_snapshot!(messages(&[
        ("ROLE", "Both"),
        ("HOMESERVER_URL", "http://synapse:8008"),
        ("SERVER_NAME", "<unset>"),
        ("EDGE_URL", "https://media.example.net/path"),
        ("GRANT_TTL_SECS", "5"),
        ("REDIRECT_MIN_BYTES", "64k"),
        ("REDIRECT_MAX_BYTES", "68719476736"),
        ("PLAIN_REDIRECT", "true"),
        ("ENCRYPTED_MEDIA", ""),
        ("CACHE_MAX_BYTES", "600000000"),
        ("CACHE_TTL_SECS", "-1"),
        ("MEDIA_UNAUTHENTICATED", "none"),
        ("REMOTE_POLICY", ""),
        ("ALLOW_PRIVATE_NETWORK", "yes"),
    ]), @r#"
    ROLE is "Both", but must be 'both', 'origin' or 'edge'
    HOMESERVER_URL is "http://synapse:8008", but must be a web origin like https://matrix.example.org: https (http only for localhost), a lowercase host without a dot at its end, no path, and no default port (443, or 80 for http)
    SERVER_NAME is "", but must be the homeserver's server name, like example.org
    EDGE_URL is "https://media.example.net/path", but must be a web origin like https://matrix.example.org: https (http only for localhost), a lowercase host without a dot at its end, no path, and no default port (443, or 80 for http)
    MEDIA_UNAUTHENTICATED is "none", but must be 'unset', 'm.cached', 'm.local', 'm.unspecified' or 'm.none'
    GRANT_TTL_SECS is "5", but must be a whole number of seconds from 10 to 86400
    REDIRECT_MIN_BYTES is "64k", but must be a whole number of bytes
    REDIRECT_MAX_BYTES is "68719476736", but must be a whole number of bytes up to 68719476735
    PLAIN_REDIRECT is "true", but must be 'on' or 'off'
    ENCRYPTED_MEDIA is "", but must be 'reencrypt' or 'verbatim'
    CACHE_MAX_BYTES is "600000000", but must be a whole number of bytes up to 512000000
    CACHE_TTL_SECS is "-1", but must be a whole number of seconds from 1 to 31536000
    REMOTE_POLICY is "", but must be 'enforce', 'legacy' or 'off'
    ALLOW_PRIVATE_NETWORK is "yes", but must be 'on' or 'off'
    "#);
}

#[test]
fn redirect_max_bytes_is_not_below_redirect_min_bytes() {
    assert_eq!(read(&[]).unwrap().redirect_max_bytes, 68_719_476_735);
    assert_eq!(read(&[("REDIRECT_MAX_BYTES", "65536")]).unwrap().redirect_max_bytes, 65_536);
    insta::assert_snapshot!(messages(&[("REDIRECT_MAX_BYTES", "65535")]), @r#"REDIRECT_MAX_BYTES is "65535", but must be at least REDIRECT_MIN_BYTES, or no object is redirected"#);
    // Operators switch links off in this way.
    assert!(read(&[("REDIRECT_MIN_BYTES", "18446744073709551615")]).is_ok());
}

#[test]
fn session_secrets_are_two_different_ones_of_32_bytes_and_never_shown() {
    let [one, two] = ["ab".repeat(32), "cd".repeat(32)];
    assert!(read(&[]).unwrap().sessions.is_none());
    let sessions =
        read(&[("SESSION_SECRET", &one), ("SESSION_SECRET_PREVIOUS", &two)]).unwrap().sessions.unwrap();
    assert_eq!((sessions.ttl_secs, sessions.masters.previous.is_some()), (86_400, true));
    for wrong in ["", "secret", &one[1..], &format!("{one} ")] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(messages(&[("SESSION_SECRET", wrong)]), @"SESSION_SECRET must be set as a secret to 64 hexadecimal digits: openssl rand -hex 32");
        }
    }
    insta::assert_snapshot!(messages(&[("SESSION_SECRET", &one), ("SESSION_SECRET_PREVIOUS", &one)]), @"SESSION_SECRET_PREVIOUS must be the secret that was used before, not the same as SESSION_SECRET");
    insta::assert_snapshot!(messages(&[("SESSION_SECRET_PREVIOUS", &one)]), @"SESSION_SECRET_PREVIOUS must be absent as long as SESSION_SECRET is not set");
    insta::assert_snapshot!(messages(&[("SESSION_SECRET", &one), ("SESSION_TTL_SECS", "59")]), @r#"SESSION_TTL_SECS is "59", but must be a whole number of seconds from 60 to 604800"#);
    assert!(!format!("{:?}", read(&[("SESSION_SECRET", &one)])).contains("abab"));
}

#[test]
fn a_number_has_only_digits() {
    for (name, right) in [("GRANT_TTL_SECS", "60"), ("REDIRECT_MIN_BYTES", "0"), ("CACHE_TTL_SECS", "60")] {
        assert!(read(&[(name, right)]).is_ok());
        for wrong in ["+60", "-60", " 60", "60 ", "60s", "6e1", ""] {
            assert!(messages(&[(name, wrong)]).starts_with(name), "{name}={wrong}");
        }
    }
}

#[test]
fn a_web_origin_must_be_canonical() {
    for good in
        ["https://a.example", "https://a.example:8443/", "https://a.example:80", "http://localhost:443"]
    {
        assert!(WebOrigin::parse(good).is_some(), "{good}");
    }
    let usual_ports = ["https://a.example:443", "https://a.example:443/", "http://localhost:80"];
    let zeros = ["https://a.example:0443", "https://a.example:08443"];
    let dots = ["https://a.example.", "https://a.example.:8443", "https://a.example..", "https://."];
    for bad in [&usual_ports[..], &zeros, &dots].concat() {
        for variable in ["HOMESERVER_URL", "EDGE_URL"] {
            assert!(messages(&[(variable, bad)]).starts_with(variable), "{bad}");
        }
    }
}

#[test]
fn a_secret_is_never_shown() {
    let shown = messages(&[("HOMESERVER_TOKEN", "syt secret\n")]);
    assert!(shown.starts_with("HOMESERVER_TOKEN must be set") && !shown.contains("syt"), "{shown}");
    assert!(read(&[("HOMESERVER_TOKEN", "<unset>")]).is_err());
    assert!(read(&[("HOMESERVER_TOKEN", "<unset>"), ("ROLE", "origin")]).is_ok());
    assert!(!format!("{:?}", read(&[]).unwrap()).contains("syt_service"));
}

#[test]
fn the_edge_has_its_own_host() {
    assert!(messages(&[("EDGE_URL", "https://synapse.example.org")]).starts_with("EDGE_URL"));
    let config = read(&[("EDGE_URL", "https://media.matrix.example.org")]).unwrap();
    assert_eq!(config.check_host("matrix.example.org").unwrap_err().variable, "EDGE_URL");
    assert_eq!(config.check_host("synapse.example.org").unwrap_err().variable, "HOMESERVER_URL");
    assert!(config.check_host("trix.example.org").is_ok());
    assert!(config.check_host("chat.example.org:443").is_ok());
}
