//! The columns of claims. A clock that did not change since the peer's last message shows what its last claim
//! predicts, so a mask says which fields differ from the prediction, and only those are written.

use super::columns::{Column, Layout, Malformed, Pass};
use super::fields::{narrow, node, time};
use crate::ids::{Algorithm, Algorithms};
use crate::node::record::Received;
use crate::probe::{Claim, Claims};
use crate::time::{Local, Nanos, Ppb, Rate, Time};

/// How many columns one algorithm's claims take.
pub const WIDTH: usize = 10;

/// The rate at which NTP lets a dispersion grow (RFC 5905, section 7.3: PHI, 15 ppm).
const PHI: Rate = Rate::from_ppb(Ppb(15_000));

/// The claims of a message sent at `sent`, predicted from the last message of the same peer.
pub fn claims<P: Pass>(
    pass: &mut P,
    sent: Time<Local>,
    last: Option<&Received>,
    old: &Claims,
) -> Result<Claims, Malformed> {
    let by = claimants(pass, last, old)?;
    let mut beneath = None;
    Claims::try_made_by(by, |algorithm| {
        let mut predicted = predict(algorithm, sent, last);
        if algorithm == Algorithm::Hlc {
            // A hybrid clock mostly shows the physical clock that it runs on.
            predicted.reading = beneath.unwrap_or(predicted.reading);
        }
        let old = old.of(algorithm).copied().unwrap_or_default();
        let claim = claim(pass, Column::of_claims(algorithm), &predicted, &old)?;
        if algorithm == Algorithm::Ntp {
            beneath = Some(claim.reading);
        }
        Ok(claim)
    })
}

/// Which clocks claim: mostly those that did in the peer's last message.
fn claimants<P: Pass>(pass: &mut P, last: Option<&Received>, old: &Claims) -> Result<Algorithms, Malformed> {
    if pass.layout() == Layout::Usual {
        return Ok(Algorithms::USUAL);
    }
    let expected = last.map_or(Algorithms::USUAL, |last| last.claims.by());
    let bits = pass.number(Column::CLAIMANTS, expected.bits().into(), old.by().bits().into())?;
    Algorithms::from_bits(narrow(bits)?).ok_or(Malformed::Field)
}

fn predict(algorithm: Algorithm, sent: Time<Local>, last: Option<&Received>) -> Claim {
    let Some((last, claim)) = last.and_then(|last| Some((last, last.claims.of(algorithm)?))) else {
        return Claim { reading: Time::from_nanos(sent.as_nanos()), ..Claim::default() };
    };
    let span = sent - last.sent;
    let ageing = if claim.stratum > 1 { span } else { Nanos::ZERO };
    Claim {
        reading: claim.reading + span + claim.rate.over(span),
        root_age: claim.root_age + ageing,
        root_dispersion: claim.root_dispersion + PHI.over(ageing),
        ..*claim
    }
}

/// Which fields differ; those that do so most often have the lowest bits.
fn mask(predicted: &Claim, old: &Claim) -> i64 {
    let differ = [
        predicted.reading != old.reading,
        predicted.root_age != old.root_age,
        predicted.root_dispersion != old.root_dispersion,
        predicted.rate != old.rate,
        predicted.root_delay != old.root_delay,
        predicted.counter != old.counter,
        predicted.stratum != old.stratum,
        predicted.root != old.root,
        predicted.parent != old.parent,
    ];
    differ.iter().enumerate().map(|(bit, differs)| i64::from(*differs) << bit).sum()
}

fn claim<P: Pass>(pass: &mut P, first: Column, predicted: &Claim, old: &Claim) -> Result<Claim, Malformed> {
    let mask = pass.number(first, 0, mask(predicted, old))?;
    if mask & !0x1ff != 0 {
        return Err(Malformed::Field);
    }
    let differs = |bit: u32| mask & (1 << bit) != 0;
    let mut claim = *predicted;
    if differs(0) {
        claim.reading = time(pass, first.plus(1), predicted.reading, old.reading)?;
    }
    if differs(1) {
        claim.root_age.0 = pass.number(first.plus(2), predicted.root_age.0, old.root_age.0)?;
    }
    if differs(2) {
        claim.root_dispersion.0 = pass.number(first.plus(3), predicted.root_dispersion.0, old.root_dispersion.0)?;
    }
    if differs(3) {
        claim.rate.0 = pass.number(first.plus(4), predicted.rate.0, old.rate.0)?;
    }
    if differs(4) {
        claim.root_delay.0 = pass.number(first.plus(5), predicted.root_delay.0, old.root_delay.0)?;
    }
    if differs(5) {
        claim.counter = narrow(pass.number(first.plus(6), predicted.counter.into(), old.counter.into())?)?;
    }
    if differs(6) {
        claim.stratum = narrow(pass.number(first.plus(7), predicted.stratum.into(), old.stratum.into())?)?;
    }
    if differs(7) {
        claim.root = node(pass, first.plus(8), predicted.root, old.root)?;
    }
    if differs(8) {
        claim.parent = node(pass, first.plus(9), predicted.parent, old.parent)?;
    }
    Ok(claim)
}
