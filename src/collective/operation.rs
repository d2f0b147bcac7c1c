//! The operations and their algebra on a ring.

use std::fmt;

/// A collective operation. Sizes follow nccl-tests: the all-reduce buffer, the all-gather output,
/// the reduce-scatter input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Everyone gets the sum of everyone's buffer.
    AllReduce,
    /// Everyone gets everyone's part.
    AllGather,
    /// Everyone gets its part of the sum.
    ReduceScatter,
    /// Everyone gets the first rank's buffer.
    Broadcast,
    /// The first rank gets the sum.
    Reduce,
    /// Everyone sends a part of its buffer to everyone.
    AllToAll,
    /// The first rank gets everyone's part.
    Gather,
    /// Everyone gets its part of the first rank's buffer.
    Scatter,
    /// Everyone sends its buffer to the next rank.
    SendRecv,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 9] = [
        Self::AllReduce,
        Self::AllGather,
        Self::ReduceScatter,
        Self::Broadcast,
        Self::Reduce,
        Self::AllToAll,
        Self::Gather,
        Self::Scatter,
        Self::SendRecv,
    ];

    /// As typed on the command line.
    pub fn key(self) -> &'static str {
        match self {
            Self::AllReduce => "all-reduce",
            Self::AllGather => "all-gather",
            Self::ReduceScatter => "reduce-scatter",
            Self::Broadcast => "broadcast",
            Self::Reduce => "reduce",
            Self::AllToAll => "all-to-all",
            Self::Gather => "gather",
            Self::Scatter => "scatter",
            Self::SendRecv => "send-recv",
        }
    }

    /// The operation of a key; `_` and `-` do not matter.
    pub fn from_key(key: &str) -> Option<Self> {
        let plain = |text: &str| text.replace(['-', '_'], "");
        Self::ALL
            .into_iter()
            .find(|op| plain(op.key()) == plain(key))
    }

    /// Dependent steps of a ring of `n` ranks (Patarasuk & Yuan 2009, §3).
    pub fn steps(self, n: usize) -> usize {
        match self {
            Self::AllReduce => 2 * (n - 1),
            Self::AllGather | Self::ReduceScatter | Self::Broadcast | Self::Reduce => n - 1,
            Self::AllToAll | Self::Gather | Self::Scatter => n - 1,
            Self::SendRecv => 1,
        }
    }

    /// Bytes that cross each used edge of the ring, per byte of size: 2(n−1)/n for all-reduce.
    pub fn edge_factor(self, n: usize) -> f64 {
        match self {
            Self::Broadcast | Self::Reduce | Self::SendRecv => 1.0,
            _ => self.steps(n) as f64 / n as f64,
        }
    }

    /// Whether a ring carries it; the others are single sends.
    pub fn on_ring(self) -> bool {
        matches!(
            self,
            Self::AllReduce
                | Self::AllGather
                | Self::ReduceScatter
                | Self::Broadcast
                | Self::Reduce
        )
    }

    /// Whether it is a chain from or to one rank.
    pub fn is_chain(self) -> bool {
        matches!(self, Self::Broadcast | Self::Reduce)
    }

    /// Bus bandwidth per algorithm bandwidth, as nccl-tests defines it (doc/PERFORMANCE.md).
    pub fn bus_factor(self, n: usize) -> f64 {
        self.edge_factor(n)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ring_all_reduce_moves_two_times_n_minus_one_over_n() {
        assert_eq!(Operation::AllReduce.steps(8), 14);
        assert_eq!(Operation::AllReduce.edge_factor(8), 1.75);
        assert_eq!(Operation::AllGather.edge_factor(4), 0.75);
        assert_eq!(
            Operation::from_key("all_reduce"),
            Some(Operation::AllReduce)
        );
    }
}
