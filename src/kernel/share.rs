//! How many compute units a kernel holds, for how long, and how computing and moving overlap.

use super::device::Device;
use super::{Mechanism, Moved};

/// Bandwidth of the operands of a product or a prompt relative to a plain stream's: loads come in
/// tiles, and VRAM idles while units change from one to the next. Weight-bound GEMMs (m of 1 to 16)
/// of the calibration set on A100, H100, A40 and RTX PRO 6000 tend to this share of what streams
/// reach there. A decoder's unit reads thousands of tokens in a row: it does not.
const OPERAND_BANDWIDTH: f64 = 0.94;

/// Clocks from a tiled kernel's start to its first operands and from its last result to its end:
/// the way through crossbar and cache is clocked, twice there and back, and so is the epilogue.
/// Fitted on all GEMM rows of the calibration set with one figure for all devices, flat from 4000
/// to 5000. In seconds, the best single figure (2 us) fits worse.
const RAMP_CLOCKS: f64 = 4400.0;

/// Share of the last-level cache that is left for the data of a kernel which is run over and over.
/// Fitted on the GEMM rows of campaigns that do not flush the cache (aicg-0001 to -0320, aicg-0434
/// to -0448), flat from 0.25 to 0.3. Their code cycles through copies of its weights, as many as
/// fill the cache but at most five: a fifth of it stays.
const KEPT_SHARE: f64 = 0.29;

/// Footprint that a cache serves all of, and the one from which it serves nothing, in sizes of the
/// cache, where data are read in the same order again and again: gpu-benches, gpu-l2-cache, whose
/// rates fall from the cache's to VRAM's from 0.7 to 1.3 (A100), 0.75 to 1.25 (H100 PCIe) and 1.0
/// to 1.2 (L40) of it.
const ALL_SERVED: f64 = 0.75;
const NONE_SERVED: f64 = 1.25;

/// What a kernel moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Traffic {
    /// As bytes of a VRAM stream that takes as long \[B\].
    pub as_stream: f64,
    /// What VRAM and the cache really move.
    pub moved: Moved,
}

impl Traffic {
    /// Traffic that the cache has no part in.
    pub fn of_vram(bytes: f64) -> Self {
        Self {
            as_stream: bytes,
            moved: Moved {
                vram: bytes,
                cache: 0.0,
            },
        }
    }

    /// The same in `factor` times as long.
    pub fn slower(self, factor: f64) -> Self {
        Self {
            as_stream: self.as_stream * factor,
            ..self
        }
    }

    /// The same in tiles, which VRAM serves a little slower than a plain stream.
    pub fn in_tiles(self, device: &Device<'_>) -> Self {
        self.slower(1.0 / device.if_has(Mechanism::Tiles, OPERAND_BANDWIDTH, 1.0))
    }
}

/// Traffic of activations, which the kernel before has just written: what the last-level cache
/// holds together with the results comes from there.
pub(super) fn activations(bytes: f64, device: &Device<'_>) -> Traffic {
    from_cache(bytes, bytes, device.cache, device)
}

/// Time from a tiled kernel's start to its first operands and from its last result to its end
/// \[s\].
pub(super) fn ramp_s(device: &Device<'_>) -> f64 {
    device.if_has(Mechanism::Ramp, RAMP_CLOCKS, 0.0) / device.clock_hz
}

/// Traffic of a kernel that touches `footprint` bytes: where it is timed over and over, it finds
/// part of its data in the cache.
pub(super) fn repeated(bytes: f64, footprint: f64, device: &Device<'_>) -> Traffic {
    if !device.timing.repeated {
        return Traffic::of_vram(bytes);
    }
    from_cache(bytes, footprint, KEPT_SHARE * device.cache, device)
}

/// Traffic of which a cache that keeps `kept` bytes serves all while the footprint takes at most
/// [`ALL_SERVED`] of that, and none from [`NONE_SERVED`] on; the cache's part counts as much less
/// VRAM traffic as the cache is faster.
fn from_cache(bytes: f64, footprint: f64, kept: f64, device: &Device<'_>) -> Traffic {
    let relative = device.bandwidth / device.cache_rate();
    // A cache that is no faster than VRAM is of no use.
    let useful = if relative < 1.0 { kept } else { 0.0 };
    let kept = device.if_has(Mechanism::Cache, useful, 0.0);
    let beyond = NONE_SERVED - footprint / kept.max(1.0);
    let cached = (beyond / (NONE_SERVED - ALL_SERVED)).clamp(0.0, 1.0);
    Traffic {
        as_stream: bytes * (1.0 - cached * (1.0 - relative)),
        moved: Moved {
            vram: bytes * (1.0 - cached),
            cache: bytes * cached,
        },
    }
}

impl Device<'_> {
    /// Rate of the last-level cache \[B/s\].
    pub fn cache_rate(&self) -> f64 {
        self.cache_per_clock * self.units as f64 * self.clock_hz
    }
}

/// Mean share of a device's units in use while `tasks` equal tasks run in waves, in (0, 1\].
pub(super) fn occupancy(tasks: u64, device: &Device<'_>) -> f64 {
    if !device.has(Mechanism::Waves) {
        return filled(tasks, device.units);
    }
    let tasks = tasks.max(1);
    let waves = tasks.div_ceil(device.units);
    tasks as f64 / (waves * device.units) as f64
}

/// Share of `units` that so many tasks fill at most, several on one unit, in (0, 1\].
pub(super) fn filled(tasks: u64, units: u64) -> f64 {
    (tasks.max(1) as f64 / units.max(1) as f64).min(1.0)
}

/// Unit time to move what takes `moving_s` at the full bandwidth \[device-seconds\], each unit at
/// its largest share of it, where `share` of the units together draw all: a kernel on few cannot.
pub(super) fn busy_units(moving_s: f64, share: f64, device: &Device<'_>) -> f64 {
    device.if_has(Mechanism::Little, share, 0.0) * moving_s
}

/// Time of computing for `compute_s` while moving for `move_s` \[s\]: (c⁴ + m⁴)^¼.
///
/// Loads and products overlap within a tile but not at its ends, and the two phases of neighbouring
/// tiles collide. Where one of them is half the other this adds 1.5 %, where they are equal 19 %.
/// The exponent was fitted on the GEMM rows of the calibration set (A100, A40, H100, L40S, B200,
/// V100, MI210): mean |log error| 0.071, 0.066, 0.065, 0.067 and 0.069 for 2, 3, 4, 6 and no
/// collision at all.
pub(super) fn overlapped(compute_s: f64, move_s: f64, device: &Device<'_>) -> f64 {
    if !device.has(Mechanism::Collisions) {
        return compute_s.max(move_s);
    }
    let fourth = |time: f64| (time * time) * (time * time);
    (fourth(compute_s) + fourth(move_s)).sqrt().sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::examples::a100;
    use super::*;

    #[test]
    fn occupancy_is_tasks_over_waves() {
        let gpu = a100();
        let of = |tasks| occupancy(tasks, &Device::of_gpu(&gpu));
        assert_eq!(of(54), 0.5);
        assert_eq!(of(108), 1.0);
        assert_eq!(of(109), 109.0 / 216.0);
        assert_eq!(of(0), 1.0 / 108.0);
    }

    #[test]
    fn the_cache_serves_what_it_holds_at_its_own_rate() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let rate = 32.0 * 108.0 * 1.41e9;
        let time = |traffic: Traffic| traffic.as_stream / device.bandwidth;
        let close = |ours: f64, exact: f64| assert!((ours / exact - 1.0).abs() < 1e-12);
        let held = activations(0.7 * device.cache, &device);
        close(time(held), 0.7 * device.cache / rate);
        assert_eq!(held.moved.vram, 0.0);
        let part = activations(device.cache, &device);
        close(part.moved.cache, part.moved.vram);
        close(
            time(part),
            part.moved.cache / rate + part.moved.vram / device.bandwidth,
        );
        let none = activations(1.3 * device.cache, &device);
        assert_eq!(none, Traffic::of_vram(1.3 * device.cache));
    }

    #[test]
    fn a_quarter_of_the_units_draws_half_the_bandwidth() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let alone = busy_units(1e-3, 0.5, &device) / 0.25;
        assert_eq!(alone, 2e-3);
    }

    #[test]
    fn overlap_is_never_less_than_either_and_never_more_than_both() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        for (a, b) in [(1.0, 0.0), (1.0, 0.5), (1.0, 1.0), (3.0, 4.0)] {
            let time = overlapped(a, b, &device);
            assert!(time >= f64::max(a, b) && time <= a + b, "{a} {b} {time}");
        }
        assert!((overlapped(1.0, 1.0, &device) - 2f64.powf(0.25)).abs() < 1e-15);
    }
}
