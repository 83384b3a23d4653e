//! Colours, and what stands in for them where there are none.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;

use crate::analysis::Verdict;
use crate::ids::Algorithm;

/// How the view tells things apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Palette {
    /// By the terminal's own colours.
    Colours,
    /// By letters and weight alone.
    Plain,
}

impl Palette {
    fn colour(self, colour: Color) -> Style {
        match self {
            Self::Colours => Style::new().fg(colour),
            Self::Plain => Style::new(),
        }
    }

    /// Of an algorithm's line.
    pub fn algorithm(self, algorithm: Algorithm) -> Style {
        const COLOURS: [Color; 14] = [
            Color::Magenta,
            Color::Cyan,
            Color::Green,
            Color::Yellow,
            Color::Blue,
            Color::LightRed,
            Color::LightCyan,
            Color::LightGreen,
            Color::LightMagenta,
            Color::LightBlue,
            Color::LightYellow,
            Color::Gray,
            Color::White,
            Color::DarkGray,
        ];
        self.colour(COLOURS[algorithm as usize % COLOURS.len()])
    }

    /// What an algorithm's line is drawn with.
    pub fn marker(self, algorithm: Algorithm) -> Marker {
        match self {
            Self::Colours => Marker::Braille,
            Self::Plain => Marker::Custom(letter(algorithm)),
        }
    }

    /// What stands before an algorithm's name, so that its line is found.
    pub fn key(self, algorithm: Algorithm) -> char {
        match self {
            Self::Colours => '━',
            Self::Plain => letter(algorithm),
        }
    }

    /// Of the bound's line.
    pub fn bound(self) -> Style {
        self.colour(Color::Red)
    }

    /// Of what must be seen.
    pub fn warning(self) -> Style {
        self.colour(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// Of a verdict.
    pub fn verdict(self, verdict: Verdict) -> Style {
        match verdict {
            Verdict::Within => self.colour(Color::Green),
            Verdict::Violated => self.colour(Color::Red).add_modifier(Modifier::BOLD | Modifier::REVERSED),
            Verdict::Unknown => self.faint(),
        }
    }

    /// Of a title.
    pub fn title(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Of what explains.
    pub fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }
}

/// The first letter of its name that no algorithm before it has.
fn letter(algorithm: Algorithm) -> char {
    let mut taken = Vec::new();
    for known in Algorithm::ALL {
        let free = known.name().chars().find(|letter| letter.is_ascii_alphabetic() && !taken.contains(letter));
        let letter = free.unwrap_or('*');
        if known == algorithm {
            return letter;
        }
        taken.push(letter);
    }
    '*'
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_algorithm_has_a_letter_and_a_colour_of_its_own() {
        let letters: BTreeSet<char> = Algorithm::ALL.into_iter().map(letter).collect();
        let colours: BTreeSet<String> =
            Algorithm::ALL.into_iter().map(|a| format!("{:?}", Palette::Colours.algorithm(a).fg)).collect();
        assert_eq!((letters.len(), colours.len()), (Algorithm::ALL.len(), Algorithm::ALL.len()));
    }
}
