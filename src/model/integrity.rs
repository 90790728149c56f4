//! Hashes of the bytes as they arrive: SHA-256 for the metadata, and what Subresource Integrity asks for.

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::error::{Error, Result};

/// The hashes that a caller expects: the strongest algorithm named counts, and any of its hashes will do.
/// Syntax and meaning: <https://www.w3.org/TR/SRI/>.
#[derive(Debug, Clone)]
pub struct Integrity {
    algorithm: Algorithm,
    hashes: Vec<Vec<u8>>,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl Integrity {
    /// Reads integrity metadata such as `sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/ux...`.
    pub fn parse(text: &str) -> Result<Integrity> {
        let mut parsed: Option<Integrity> = None;
        for token in text.split_ascii_whitespace() {
            let (name, rest) = token.split_once('-').ok_or_else(|| malformed(token))?;
            let (algorithm, length) = match name {
                "sha256" => (Algorithm::Sha256, 32),
                "sha384" => (Algorithm::Sha384, 48),
                "sha512" => (Algorithm::Sha512, 64),
                _ => return Err(malformed(token)),
            };
            let encoded = rest.split('?').next().unwrap_or(rest);
            let hash = Base64::decode_vec(encoded).map_err(|_| malformed(token))?;
            if hash.len() != length {
                return Err(malformed(token));
            }
            match &mut parsed {
                Some(known) if known.algorithm > algorithm => {}
                Some(known) if known.algorithm == algorithm => known.hashes.push(hash),
                _ => parsed = Some(Integrity { algorithm, hashes: vec![hash], text: text.trim().to_string() }),
            }
        }
        parsed.ok_or_else(|| malformed(text))
    }
}

fn malformed(token: &str) -> Error {
    Error::input(format!(
        "option integrity: \"{token}\" is not of the form sha256-, sha384- or sha512- and the hash in base64"
    ))
    .at_input("integrity")
}

/// Hashes of bytes that arrive in parts.
#[derive(Clone)]
pub(super) struct Hasher {
    sha256: Sha256,
    expected: Option<(Integrity, Wide)>,
}

#[derive(Clone)]
enum Wide {
    None,
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    pub fn new(expected: Option<Integrity>) -> Hasher {
        let expected = expected.map(|integrity| {
            let wide = match integrity.algorithm {
                Algorithm::Sha256 => Wide::None,
                Algorithm::Sha384 => Wide::Sha384(Sha384::new()),
                Algorithm::Sha512 => Wide::Sha512(Sha512::new()),
            };
            (integrity, wide)
        });
        Hasher { sha256: Sha256::new(), expected }
    }

    /// Whether some hash is asked for.
    pub fn is_expecting(&self) -> bool {
        self.expected.is_some()
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        match &mut self.expected {
            Some((_, Wide::Sha384(hash))) => hash.update(bytes),
            Some((_, Wide::Sha512(hash))) => hash.update(bytes),
            Some((_, Wide::None)) | None => {}
        }
    }

    /// The SHA-256 in hexadecimal, or an error where the bytes are not those expected.
    pub fn finish(self) -> Result<String> {
        let sha256 = self.sha256.finalize().to_vec();
        if let Some((integrity, wide)) = self.expected {
            let (name, actual) = match wide {
                Wide::None => ("sha256", sha256.clone()),
                Wide::Sha384(hash) => ("sha384", hash.finalize().to_vec()),
                Wide::Sha512(hash) => ("sha512", hash.finalize().to_vec()),
            };
            if !integrity.hashes.contains(&actual) {
                let actual = format!("{name}-{}", Base64::encode_string(&actual));
                return Err(Error::integrity(format!(
                    "the model's bytes do not match the integrity metadata: expected {}, got {actual}",
                    integrity.text
                ))
                .mismatch(integrity.text, actual));
            }
        }
        Ok(sha256.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_256: &str = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    const EMPTY_384: &str = "sha384-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb";

    fn check(text: &str, bytes: &[u8]) -> Result<String> {
        let mut hasher = Hasher::new(Some(Integrity::parse(text)?));
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn the_strongest_algorithm_counts() {
        assert!(check(EMPTY_256, b"").is_ok());
        assert!(check(EMPTY_384, b"").is_ok());
        assert!(check(EMPTY_256, b"x").is_err());
        assert!(check(&format!("sha256-{} {EMPTY_384}", "A".repeat(43) + "="), b"").is_ok());
        assert!(check(&format!("{EMPTY_256} sha384-{}", "A".repeat(64)), b"").is_err());
        assert!(check(&format!("sha256-{} {EMPTY_256}", "A".repeat(43) + "="), b"").is_ok());
    }

    #[test]
    fn malformed_metadata_is_refused() {
        for text in ["", "sha1-AAAA", "sha256", "sha256-AAAA", "sha256-!!!!", "md5-47DEQ"] {
            assert!(Integrity::parse(text).is_err(), "{text}");
        }
    }
}
