//! What is not as the files say: slow and failed devices and links, and jitter.

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use std::fmt;

use super::hostlist::Hostlist;
use super::read::Spanned;
use crate::units::BytesPerSecond;

/// One entry of `conditions:`; exactly one of `slow`, `failed` and `jitter` is given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionSpec {
    /// Devices that reach less than their files say, or whose links do.
    #[serde(default)]
    pub slow: Option<Spanned<Hostlist>>,
    /// Devices that are not there, or with `to` links that are not.
    #[serde(default)]
    pub failed: Option<Spanned<Hostlist>>,
    /// Devices whose rates are drawn around what their files say.
    #[serde(default)]
    pub jitter: Option<Spanned<Hostlist>>,
    /// The other ends, where the links between devices are meant.
    #[serde(default)]
    pub to: Option<Spanned<Hostlist>>,
    /// Of the rate of calculation: the share that is left, or the deviation of the draw.
    #[serde(default)]
    pub compute: Option<Spanned<f64>>,
    /// The same of the memory's bandwidth.
    #[serde(default)]
    pub memory: Option<Spanned<f64>>,
    /// The same of the links' bandwidth; or the rate that is left.
    #[serde(default)]
    pub bandwidth: Option<Spanned<ShareOrRate>>,
    /// How jitter is distributed; normal if absent.
    #[serde(default)]
    pub distribution: Option<Spanned<Distribution>>,
    /// Which draw of jitter; 0 if absent.
    #[serde(default)]
    pub seed: Option<Spanned<u32>>,
}

/// How jitter is distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Around 1, with a standard deviation.
    #[default]
    Normal,
    /// With median 1; its logarithm has the standard deviation.
    Lognormal,
}

/// What is left of a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ShareOrRate {
    /// A share of its rate.
    Share(f64),
    /// A rate of one direction.
    Rate(BytesPerSecond),
}

impl<'de> Deserialize<'de> for ShareOrRate {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct ShareOrRateVisitor;

        impl Visitor<'_> for ShareOrRateVisitor {
            type Value = ShareOrRate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a share such as 0.5, or a data rate such as 12 GB/s")
            }

            fn visit_f64<E: serde::de::Error>(self, share: f64) -> Result<ShareOrRate, E> {
                Ok(ShareOrRate::Share(share))
            }

            fn visit_u64<E: serde::de::Error>(self, share: u64) -> Result<ShareOrRate, E> {
                Ok(ShareOrRate::Share(share as f64))
            }

            fn visit_i64<E: serde::de::Error>(self, share: i64) -> Result<ShareOrRate, E> {
                Ok(ShareOrRate::Share(share as f64))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ShareOrRate, E> {
                text.parse().map(ShareOrRate::Rate).map_err(E::custom)
            }
        }

        d.deserialize_any(ShareOrRateVisitor)
    }
}
