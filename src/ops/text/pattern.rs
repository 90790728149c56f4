//! Regular expressions as RE2 has them, but for classes of Unicode: <https://github.com/google/re2/wiki/Syntax>.
//!
//! Only whole matches and longest ones are asked for, so nothing is captured and laziness makes no difference. A pattern is
//! run on all its paths at once, which takes time that is linear in the length of the text.

mod join;
mod parse;
mod set;

use set::Set;

/// One instruction of a pattern.
#[derive(Debug, Clone)]
enum Step {
    /// Takes a letter of the set.
    Take(Set),
    /// Goes on at both places.
    Fork(usize, usize),
    /// Goes on if the place in the text is right.
    Check(Place),
    /// The pattern has matched.
    Done,
}

/// A place between two letters of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    TextStart,
    TextEnd,
    LineStart,
    LineEnd,
    WordEdge,
    NoWordEdge,
}

impl Place {
    fn holds(self, before: Option<char>, after: Option<char>) -> bool {
        let is_word =
            |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        match self {
            Place::TextStart => before.is_none(),
            Place::TextEnd => after.is_none(),
            Place::LineStart => matches!(before, None | Some('\n')),
            Place::LineEnd => matches!(after, None | Some('\n')),
            Place::WordEdge => is_word(before) != is_word(after),
            Place::NoWordEdge => is_word(before) == is_word(after),
        }
    }
}

/// A regular expression.
#[derive(Debug)]
pub struct Pattern {
    steps: Vec<Step>,
}

/// The steps that paths stand at, each once.
struct Paths {
    list: Vec<usize>,
    is_listed: Vec<bool>,
    waiting: Vec<usize>,
}

impl Paths {
    fn new(count: usize) -> Paths {
        Paths { list: Vec::new(), is_listed: vec![false; count], waiting: Vec::new() }
    }

    fn clear(&mut self) {
        self.list.clear();
        self.is_listed.fill(false);
    }
}

impl Pattern {
    /// Reads a pattern. An error says what is wrong with it, or what is not supported.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        parse::parse(text).map(|steps| Pattern { steps })
    }

    /// Whether the pattern matches the whole text.
    pub fn matches(&self, text: &str) -> bool {
        self.find_longest(text, 0, &mut self.make_paths()) == Some(text.len())
    }

    /// Where the first match from `start` on begins and ends; the longest one of those that begin there.
    pub fn find(&self, text: &str, start: usize) -> Option<(usize, usize)> {
        let mut paths = self.make_paths();
        let rest = text.get(start..)?;
        let mut starts = rest.char_indices().map(|(place, _)| start + place).chain([text.len()]);
        starts.find_map(|start| Some((start, self.find_longest(text, start, &mut paths)?)))
    }

    fn make_paths(&self) -> [Paths; 2] {
        [Paths::new(self.steps.len()), Paths::new(self.steps.len())]
    }

    /// The end of the longest match that begins at `start`.
    fn find_longest(&self, text: &str, start: usize, [paths, next]: &mut [Paths; 2]) -> Option<usize> {
        let (before, rest) = text.split_at_checked(start)?;
        let mut letters = rest.chars();
        let mut end = None;
        paths.clear();
        self.follow(0, paths, before.chars().next_back(), letters.clone().next());
        while !paths.list.is_empty() {
            if paths.list.iter().any(|&step| matches!(self.steps.get(step), Some(Step::Done))) {
                end = Some(text.len() - letters.as_str().len());
            }
            let Some(letter) = letters.next() else { break };
            let after = letters.clone().next();
            next.clear();
            for &step in &paths.list {
                if matches!(self.steps.get(step), Some(Step::Take(set)) if set.contains(letter)) {
                    self.follow(step + 1, next, Some(letter), after);
                }
            }
            std::mem::swap(paths, next);
        }
        end
    }

    /// Adds a step and all that can be reached from it without taking a letter.
    fn follow(&self, step: usize, paths: &mut Paths, before: Option<char>, after: Option<char>) {
        paths.waiting.push(step);
        while let Some(step) = paths.waiting.pop() {
            let Some(is_listed) = paths.is_listed.get_mut(step) else { continue };
            if std::mem::replace(is_listed, true) {
                continue;
            }
            match self.steps.get(step) {
                Some(Step::Take(_) | Step::Done) => paths.list.push(step),
                Some(&Step::Fork(first, second)) => paths.waiting.extend([first, second]),
                Some(Step::Check(place)) if place.holds(before, after) => paths.waiting.push(step + 1),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn whole_texts_match() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("a|ab", "ab", true),
            ("(a|b)*c", "abbac", true),
            ("a{2,3}", "a", false),
            ("a{2,3}", "aaa", true),
            ("a{2}", "aaa", false),
            ("a{2,}", "aaaa", true),
            ("a{,3}", "a{,3}", true),
            (r"\d+-\D\w\W\s\S", "12-xy! z", true),
            (r"[^\d\s]+", "ab-c", true),
            (r"[a-c\]\-x-]+", "a]-xc", true),
            ("[[:alpha:]_]+[[:^digit:]]", "Ab_z", true),
            ("(?i)straSSe", "STRASSE", true),
            ("(?i:ä)b", "Äb", true),
            ("(?i:a)b", "AB", false),
            (".", "\n", false),
            ("(?s).", "\n", true),
            (".", "é", true),
            (r"a\Q.*\E+", "a.***", true),
            (r"\x41\x{1F600}\101", "A😀A", true),
            (r"^\bfoo\b$", "foo", true),
            (r"fo\Bo", "foo", true),
            ("(?m)^a$\n^b$", "a\nb", true),
            ("^a$\n^b$", "a\nb", false),
            ("(?:a*)*", "aaaa", true),
            ("(?P<x>a)(?<y>b)", "ab", true),
            ("x*?y+?z??", "xxyyz", true),
            (r"[\w.+-]+@[\w-]+\.[\w.]+", "account@gmail.com", true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(text), expected, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn the_longest_of_the_first_matches_is_found() {
        let find = |pattern: &str, text: &str, start| Pattern::parse(pattern).unwrap().find(text, start);
        assert_eq!(find("a|ab", "xxab", 0), Some((2, 4)));
        assert_eq!(find("é+", "aéée", 0), Some((1, 5)));
        assert_eq!(find("x*", "ab", 1), Some((1, 1)));
        assert_eq!(find(r"\b\w", "ab cd", 1), Some((3, 4)));
        assert_eq!(find("z", "ab", 0), None);
        assert_eq!(find("$", "ab", 0), Some((2, 2)));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in
            ["(", ")", "a)", "[a", "*", "a**", "[b-a]", r"\pL", r"\8", "a\\", "(?x)a", "a{2000}", "[[:foo:]]"]
        {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
