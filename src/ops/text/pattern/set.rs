//! Sets of letters.

/// A set of letters.
#[derive(Debug, Clone, Default)]
pub struct Set {
    ranges: Vec<(char, char)>,
    is_negated: bool,
    /// Whether letters count in lower and in upper case.
    is_folded: bool,
}

impl Set {
    /// The letters of ranges.
    pub fn new(ranges: &[(char, char)]) -> Set {
        Set { ranges: ranges.to_vec(), ..Set::default() }
    }

    /// Adds the letters from one to another.
    pub fn insert(&mut self, from: char, to: char) {
        self.ranges.push((from, to));
    }

    /// Adds the letters of ranges, or all others.
    pub fn extend(&mut self, ranges: &[(char, char)], is_negated: bool) {
        if !is_negated {
            self.ranges.extend_from_slice(ranges);
            return;
        }
        let mut sorted = ranges.to_vec();
        sorted.sort_unstable();
        let mut next = '\0';
        for (from, to) in sorted {
            if let Some(before) = (next..from).next_back() {
                self.ranges.push((next, before));
            }
            next = (to..=char::MAX).nth(1).unwrap_or(char::MAX);
        }
        self.ranges.push((next, char::MAX));
    }

    /// The letters that are not in the set.
    pub fn negate(mut self) -> Set {
        self.is_negated = !self.is_negated;
        self
    }

    /// The set for letters in either case.
    pub fn fold(mut self, is_folded: bool) -> Set {
        self.is_folded = is_folded;
        self
    }

    /// Whether a letter is in the set.
    pub fn contains(&self, letter: char) -> bool {
        let is_listed = |letter: char| self.ranges.iter().any(|&(from, to)| (from..=to).contains(&letter));
        let mut is_there = is_listed(letter);
        if self.is_folded && !is_there {
            is_there = letter.to_lowercase().chain(letter.to_uppercase()).any(is_listed);
        }
        is_there != self.is_negated
    }
}

/// `\d`, `\s` and `\w`.
pub fn find_short(name: char) -> Option<&'static [(char, char)]> {
    Some(match name {
        'd' => &[('0', '9')],
        's' => &[('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')],
        'w' => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        _ => return None,
    })
}

/// The classes of POSIX.
pub fn find_named(name: &str) -> Option<&'static [(char, char)]> {
    Some(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\u{7f}')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    })
}
