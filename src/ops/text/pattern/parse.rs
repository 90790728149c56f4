//! Patterns to steps.

use super::join::{append, join_choices, repeat};
use super::set::{Set, find_named, find_short};
use super::{Place, Step};

/// How often something may be repeated, as in RE2.
const MOST: usize = 1000;

/// How deep groups may stand in groups.
const DEEPEST: usize = 200;

/// What flags say, from where they stand to the end of the group.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    folds: bool,
    has_lines: bool,
    takes_all: bool,
}

struct Parser<'p> {
    rest: &'p str,
    depth: usize,
}

/// The steps of a pattern.
pub fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut parser = Parser { rest: text, depth: 0 };
    let mut steps = parser.parse_choice(Flags::default())?;
    if !parser.rest.is_empty() {
        return Err("a ) without a (".to_string());
    }
    steps.push(Step::Done);
    Ok(steps)
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next();
        self.rest = letters.as_str();
        letter
    }

    fn skip(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Everything up to the end of a group.
    fn parse_choice(&mut self, mut flags: Flags) -> Result<Vec<Step>, String> {
        let mut choices: Vec<Vec<Step>> = vec![Vec::new()];
        while let Some(letter) = self.peek() {
            match letter {
                ')' => break,
                '|' => {
                    self.next();
                    choices.push(Vec::new());
                }
                _ => {
                    let part = self.parse_repeated(&mut flags)?;
                    choices.last_mut().map_or(Ok(()), |steps| append(steps, &part))?;
                }
            }
        }
        let last = choices.pop().unwrap_or_default();
        choices.into_iter().rev().try_fold(last, |behind, choice| join_choices(choice, &behind))
    }

    fn parse_repeated(&mut self, flags: &mut Flags) -> Result<Vec<Step>, String> {
        let part = self.parse_part(flags)?;
        let Some((least, most)) = self.parse_counts()? else { return Ok(part) };
        // Laziness changes neither what matches nor how long the longest match is.
        self.skip("?");
        let repeated = repeat(&part, least, most)?;
        match self.parse_counts()? {
            None => Ok(repeated),
            Some(_) => Err("a repetition of a repetition".to_string()),
        }
    }

    /// `*`, `+`, `?`, `{2}`, `{2,}` or `{2,3}`; braces around anything else stand for themselves.
    fn parse_counts(&mut self) -> Result<Option<(usize, Option<usize>)>, String> {
        for (sign, counts) in [("*", (0, None)), ("+", (1, None)), ("?", (0, Some(1)))] {
            if self.skip(sign) {
                return Ok(Some(counts));
            }
        }
        let Some((inside, behind)) = self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
            return Ok(None);
        };
        let (least, most) = inside.split_once(',').unwrap_or((inside, inside));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(least) || !(most.is_empty() || is_number(most)) {
            return Ok(None);
        }
        self.rest = behind;
        let parse = |text: &str| text.parse::<usize>().ok().filter(|&count| count <= MOST);
        let least = parse(least).ok_or("too many repetitions")?;
        if most.is_empty() {
            return Ok(Some((least, None)));
        }
        let most = parse(most).filter(|&most| most >= least).ok_or("too many repetitions")?;
        Ok(Some((least, Some(most))))
    }

    fn parse_part(&mut self, flags: &mut Flags) -> Result<Vec<Step>, String> {
        let take = |set: Set| Ok(vec![Step::Take(set.fold(flags.folds))]);
        let check = |place: Place| Ok(vec![Step::Check(place)]);
        let Some(letter) = self.next() else { return Ok(Vec::new()) };
        match letter {
            '(' => self.parse_group(flags),
            '[' => self.parse_set().and_then(take),
            '.' if flags.takes_all => take(Set::default().negate()),
            '.' => take(Set::new(&[('\n', '\n')]).negate()),
            '^' => check(if flags.has_lines { Place::LineStart } else { Place::TextStart }),
            '$' => check(if flags.has_lines { Place::LineEnd } else { Place::TextEnd }),
            '*' | '+' | '?' => Err(format!("a {letter} behind nothing")),
            '\\' if self.skip("Q") => self.parse_quoted(flags),
            '\\' => match self.peek() {
                Some('A') => self.parse_check(Place::TextStart),
                Some('z') => self.parse_check(Place::TextEnd),
                Some('b') => self.parse_check(Place::WordEdge),
                Some('B') => self.parse_check(Place::NoWordEdge),
                _ => {
                    let mut set = Set::default();
                    self.parse_escape(&mut set)?;
                    take(set)
                }
            },
            _ => take(Set::new(&[(letter, letter)])),
        }
    }

    fn parse_check(&mut self, place: Place) -> Result<Vec<Step>, String> {
        self.next();
        Ok(vec![Step::Check(place)])
    }

    /// Letters that stand for themselves up to `\E`. What is repeated behind it is the last one.
    fn parse_quoted(&mut self, flags: &Flags) -> Result<Vec<Step>, String> {
        let (quoted, behind) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
        self.rest = behind;
        let take = |letter: char| Step::Take(Set::new(&[(letter, letter)]).fold(flags.folds));
        let mut steps: Vec<Step> = quoted.chars().map(take).collect();
        if let (Some(last), Some((least, most))) = (steps.pop(), self.parse_counts()?) {
            append(&mut steps, &repeat(&[last], least, most)?)?;
            return Ok(steps);
        }
        Ok(quoted.chars().map(take).collect())
    }

    /// What stands behind a `(`.
    fn parse_group(&mut self, flags: &mut Flags) -> Result<Vec<Step>, String> {
        let mut inner = *flags;
        if self.skip("?P<") || self.skip("?<") {
            let (_, behind) = self.rest.split_once('>').ok_or("a name without an end")?;
            self.rest = behind;
        } else if self.skip("?") {
            let mut value = true;
            loop {
                match self.next() {
                    Some('i') => inner.folds = value,
                    Some('m') => inner.has_lines = value,
                    Some('s') => inner.takes_all = value,
                    Some('U') => {}
                    Some('-') => value = false,
                    Some(':') => break,
                    Some(')') => {
                        *flags = inner;
                        return Ok(Vec::new());
                    }
                    other => return Err(format!("(?{}", other.map(String::from).unwrap_or_default())),
                }
            }
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("too many groups in groups".to_string());
        }
        let steps = self.parse_choice(inner)?;
        self.depth -= 1;
        if self.skip(")") { Ok(steps) } else { Err("a ( without a )".to_string()) }
    }

    /// What stands behind a `[`.
    fn parse_set(&mut self) -> Result<Set, String> {
        let is_negated = self.skip("^");
        let mut set = Set::default();
        let mut is_first = true;
        loop {
            if !is_first && self.skip("]") {
                return Ok(if is_negated { set.negate() } else { set });
            }
            is_first = false;
            if self.rest.starts_with("[:") {
                let (name, behind) =
                    self.rest.get(2..).and_then(|rest| rest.split_once(":]")).ok_or("a class without an end")?;
                let plain = name.strip_prefix('^');
                let ranges = find_named(plain.unwrap_or(name)).ok_or_else(|| format!("the class {name}"))?;
                set.extend(ranges, plain.is_some());
                self.rest = behind;
                continue;
            }
            let from = match self.next().ok_or("a [ without a ]")? {
                '\\' => self.parse_escape(&mut set)?,
                letter => Some(letter),
            };
            let Some(from) = from else { continue };
            let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            let to = match is_range {
                false => from,
                true => {
                    self.next();
                    match self.next().ok_or("a [ without a ]")? {
                        '\\' => self.parse_escape(&mut set)?.ok_or("a class at the end of a range")?,
                        letter => letter,
                    }
                }
            };
            if to < from {
                return Err(format!("the range {from}-{to}"));
            }
            set.insert(from, to);
        }
    }

    /// What stands behind a backslash: a letter, or letters that are added to the set. A letter is added too, as it does
    /// no harm at an end of a range.
    fn parse_escape(&mut self, set: &mut Set) -> Result<Option<char>, String> {
        let letter = self.next().ok_or("a backslash at the end")?;
        if let Some(ranges) = find_short(letter.to_ascii_lowercase()) {
            set.extend(ranges, letter.is_ascii_uppercase());
            return Ok(None);
        }
        let plain = match letter {
            'a' => '\u{7}',
            'f' => '\u{c}',
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'v' => '\u{b}',
            'x' => {
                let digits = match self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
                    Some((digits, behind)) => {
                        self.rest = behind;
                        digits
                    }
                    None => self.take(2),
                };
                from_digits(digits, 16)?
            }
            '0'..='7' => {
                let following = self.rest.bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                // A single digit other than 0 would be what a group has matched.
                if letter != '0' && following == 0 {
                    return Err(format!("\\{letter}"));
                }
                let digits = format!("{letter}{}", self.take(following));
                from_digits(&digits, 8)?
            }
            _ if letter.is_ascii_punctuation() => letter,
            _ => return Err(format!("\\{letter}")),
        };
        set.insert(plain, plain);
        Ok(Some(plain))
    }

    fn take(&mut self, count: usize) -> &str {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

fn from_digits(digits: &str, radix: u32) -> Result<char, String> {
    let number = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    number.ok_or_else(|| format!("the letter of number {digits}"))
}
