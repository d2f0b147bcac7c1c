//! The kinds of thing that a step can wait for.

use std::fmt;

/// What a resource, or a stretch of waiting, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// A GPU's compute units.
    Compute,
    /// A GPU's memory.
    Vram,
    /// NVLink, xGMI and their like.
    GpuLink,
    /// PCIe wires and host bridges.
    Pcie,
    /// The link between CPU sockets.
    Socket,
    /// A CPU socket's memory.
    CpuMemory,
    /// Between machines.
    Network,
    /// The host thread that issues kernels.
    Launch,
    /// Fixed delays: kernel launch on the device, hops, protocol steps.
    Latency,
    /// Nothing to do.
    Idle,
}

impl ResourceKind {
    /// All kinds, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Compute,
        Self::Vram,
        Self::GpuLink,
        Self::Pcie,
        Self::Socket,
        Self::CpuMemory,
        Self::Network,
        Self::Launch,
        Self::Latency,
        Self::Idle,
    ];

    /// The key in JSON, CSV and the palette of charts.
    pub fn key(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Vram => "vram",
            Self::GpuLink => "gpu-link",
            Self::Pcie => "pcie",
            Self::Socket => "socket",
            Self::CpuMemory => "cpu-memory",
            Self::Network => "network",
            Self::Launch => "launch",
            Self::Latency => "latency",
            Self::Idle => "idle",
        }
    }

    /// What a person calls it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Compute => "compute units",
            Self::Vram => "VRAM bandwidth",
            Self::GpuLink => "GPU-to-GPU links",
            Self::Pcie => "PCIe",
            Self::Socket => "the link between CPU sockets",
            Self::CpuMemory => "CPU memory",
            Self::Network => "the network",
            Self::Launch => "the CPU thread that launches kernels",
            Self::Latency => "fixed latencies",
            Self::Idle => "nothing (idle)",
        }
    }

    /// Whether waiting for it is waiting for data rather than for calculation.
    pub fn is_data(self) -> bool {
        matches!(
            self,
            Self::Vram
                | Self::GpuLink
                | Self::Pcie
                | Self::Socket
                | Self::CpuMemory
                | Self::Network
        )
    }

    /// As the engine carries it.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// From what the engine carries.
    pub fn from_code(code: u16) -> Self {
        *Self::ALL.get(usize::from(code)).unwrap_or(&Self::Idle)
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}
