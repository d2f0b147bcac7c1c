//! Sample data of the charts.

use crate::report::draw::*;

fn row(label: &str, parts: &[(&str, f64)]) -> BarRow {
    let segments = parts.iter().map(|(kind, ms)| Segment {
        kind: kind.to_string(),
        seconds: ms * 1e-3,
    });
    BarRow {
        label: label.to_string(),
        segments: segments.collect(),
    }
}

fn training_bars() -> BarGroup {
    BarGroup {
        label: "Llama 70B, training step".to_string(),
        rows: vec![
            row(
                "A100 SXM 80 GB × 8",
                &[
                    ("compute", 812.0),
                    ("vram", 143.0),
                    ("gpu-link", 96.0),
                    ("launch", 12.0),
                ],
            ),
            row(
                "A100 PCIe × 8",
                &[
                    ("compute", 840.0),
                    ("vram", 150.0),
                    ("pcie", 905.0),
                    ("socket", 220.0),
                    ("cpu-memory", 61.0),
                    ("idle", 180.0),
                ],
            ),
            row(
                "RTX 4090 × 8",
                &[
                    ("compute", 1102.0),
                    ("vram", 260.0),
                    ("pcie", 1380.0),
                    ("socket", 402.0),
                ],
            ),
        ],
    }
}

fn decode_bars() -> BarGroup {
    BarGroup {
        label: "Llama 70B, decode".to_string(),
        rows: vec![
            row(
                "A100 SXM 80 GB × 8",
                &[
                    ("compute", 0.4),
                    ("vram", 11.2),
                    ("gpu-link", 1.9),
                    ("latency", 2.6),
                    ("launch", 1.2),
                ],
            ),
            row(
                "A100 PCIe × 8",
                &[
                    ("vram", 11.9),
                    ("pcie", 6.1),
                    ("latency", 4.4),
                    ("network", 1.0),
                    ("launch", 1.2),
                ],
            ),
        ],
    }
}

pub fn stacked_bars() -> StackedBars {
    StackedBars {
        title: "PCIe systems spend most of a training step on communication".to_string(),
        subtitle: "Time per step by the resource that binds; 8 GPUs, bf16, tensor parallel 8"
            .to_string(),
        shared_axis: false,
        groups: vec![training_bars(), decode_bars()],
    }
}

pub fn timeline(gpus: usize) -> Timeline {
    let span = |start: f64, end: f64, kind: &str, label: &str| Span {
        start_s: start * 1e-3,
        end_s: end * 1e-3,
        kind: kind.to_string(),
        label: label.to_string(),
    };
    let lanes = (0..gpus).flat_map(|gpu| {
        let (mut compute, mut comm) = (Vec::new(), Vec::new());
        let mut at = gpu as f64 * 0.2;
        for layer in 0..80 {
            let long = if layer % 16 == 0 { 3.4 } else { 0.31 };
            compute.push(span(at, at + long, "compute", "matmul"));
            compute.push(span(at + long, at + long + 0.12, "vram", "norm"));
            comm.push(span(
                at + long + 0.15,
                at + long + 0.75,
                "pcie",
                "all-reduce",
            ));
            if layer % 16 == 0 {
                comm.push(span(at + 0.4, at + 3.0, "socket", "gather"));
            }
            at += long + 0.78;
        }
        for small in 0..900 {
            let from = at + f64::from(small) * 0.05;
            compute.push(span(from, from + 0.03, "vram", "adam"));
        }
        compute.push(span(at + 45.0, at + 60.0, "idle", "wait"));
        comm.push(span(
            at + 20.0,
            at + 58.0,
            "network",
            "reduce-scatter of gradients",
        ));
        let lane = |what: &str, spans| Lane {
            label: format!("GPU {gpu} {what}"),
            spans,
        };
        [lane("compute", compute), lane("links", comm)]
    });
    Timeline {
        title: "All-reduces over PCIe leave the GPUs idle between layers".to_string(),
        subtitle: "One training step on A100 PCIe × 8, coloured by the resource that binds"
            .to_string(),
        range_s: (0.0, 0.160),
        lanes: lanes.collect(),
        marks: vec![
            Mark {
                at_s: 0.0,
                label: "forward".to_string(),
            },
            Mark {
                at_s: 0.052,
                label: "backward".to_string(),
            },
            Mark {
                at_s: 0.1027,
                label: "optimizer".to_string(),
            },
            Mark {
                at_s: 0.1037,
                label: "update".to_string(),
            },
        ],
    }
}

pub fn roofline() -> Roofline {
    let device = |label: &str, tflops: f64, gbytes: f64| RooflineDevice {
        label: label.to_string(),
        sheet: Roof {
            flops: tflops * 1e12,
            bandwidth: gbytes * 1e9,
        },
        reached: Roof {
            flops: 0.8 * tflops * 1e12,
            bandwidth: 0.9 * gbytes * 1e9,
        },
    };
    let point = |label: &str, intensity: f64, tflops: f64, share: f64, kind: &str| RooflinePoint {
        label: label.to_string(),
        intensity,
        achieved_flops: tflops * 1e12,
        time_share: share,
        kind: kind.to_string(),
    };
    Roofline {
        title: "Matrix products reach the roof, attention and norms wait for memory".to_string(),
        subtitle: "Operators of one Llama 70B training step; a dot's area is its share of the time"
            .to_string(),
        devices: vec![
            device("A100 SXM 80 GB", 312.0, 2039.0),
            device("RTX 4090", 165.0, 1008.0),
            device("H100 SXM", 989.0, 3350.0),
        ],
        points: vec![
            point("MLP up", 900.0, 255.0, 0.28, "compute"),
            point("MLP down", 1000.0, 248.0, 0.14, "compute"),
            point("QKV projection", 820.0, 240.0, 0.10, "compute"),
            point("output projection", 760.0, 236.0, 0.07, "compute"),
            point("attention scores", 60.0, 88.0, 0.13, "vram"),
            point("attention values", 58.0, 80.0, 0.11, "vram"),
            point("softmax", 1.2, 1.9, 0.05, "vram"),
            point("RMS norm", 1.0, 1.6, 0.04, "vram"),
            point("SwiGLU", 0.6, 0.9, 0.03, "vram"),
            point("rotary", 0.55, 0.4, 0.01, "launch"),
            point("residual", 0.25, 0.35, 0.02, "vram"),
            point("embedding", 0.12, 0.02, 0.005, "latency"),
        ],
        most_labels: 10,
    }
}

pub fn sweep(latency: bool) -> Sweep {
    let series = |label: &str, alpha: f64, rate: f64| SweepSeries {
        label: label.to_string(),
        points: (3..=33)
            .map(|power| {
                let bytes = 2f64.powi(power);
                let seconds = alpha + bytes / rate;
                let value = if latency { seconds } else { bytes / seconds };
                SweepPoint { size: bytes, value }
            })
            .collect(),
    };
    let limit = |label: &str, value: f64| Limit {
        label: label.to_string(),
        value,
    };
    Sweep {
        title: if latency {
            "Small all-reduces are all latency".to_string()
        } else {
            "Above 16 MiB the all-reduce runs at the speed of the narrowest link".to_string()
        },
        subtitle: "Ring all-reduce among 8 GPUs".to_string(),
        x_axis: "message size".to_string(),
        in_bytes: true,
        log_x: true,
        y_axis: if latency { "latency" } else { "bus bandwidth" }.to_string(),
        measure: if latency {
            Measure::Seconds
        } else {
            Measure::BytesPerSecond
        },
        log_y: latency,
        apart: false,
        series: vec![
            series("A100 SXM 80 GB × 8", 22e-6, 232e9),
            series("A100 PCIe × 8", 41e-6, 19.6e9),
            series("A100 PCIe with NVLink bridges × 8", 38e-6, 21e9),
            series("RTX 4090 × 8", 55e-6, 11.4e9),
        ],
        limits: if latency {
            Vec::new()
        } else {
            vec![
                limit("NVLink limit", 250e9),
                limit("PCIe 4.0 x16 limit", 26e9),
            ]
        },
    }
}

pub fn waterfall() -> Waterfall {
    let step = |label: &str, kind: &str, ms: f64| Step {
        label: label.to_string(),
        kind: kind.to_string(),
        seconds: ms * 1e-3,
    };
    Waterfall {
        title: "Faster GPU links explain most of the difference between the two systems"
            .to_string(),
        subtitle: "Time per training step, one resource exchanged after the other".to_string(),
        start: ("A100 PCIe × 8".to_string(), 0.2312),
        steps: vec![
            step("GPU links instead of PCIe", "gpu-link", -61.0),
            step("no traffic between sockets", "socket", -22.4),
            step("GPU memory bandwidth", "vram", -6.1),
            step("higher clocks", "compute", -12.9),
            step("launches no longer hidden", "launch", 4.2),
            step("longer waits for the slowest", "idle", 19.0),
        ],
        end: "A100 SXM 80 GB × 8".to_string(),
    }
}

pub fn bars() -> Bars {
    let bar = |label: &str, kind: &str, value: f64| Bar {
        label: label.to_string(),
        kind: kind.to_string(),
        value,
    };
    Bars {
        title: "GPU memory bandwidth is worth most for decoding".to_string(),
        subtitle: "Change of the step time when one figure of the machine improves by 10 %"
            .to_string(),
        axis: "change of step time".to_string(),
        measure: Measure::Share,
        signed: true,
        bars: vec![
            bar("GPU memory bandwidth +10 %", "vram", -0.061),
            bar("PCIe bandwidth +10 %", "pcie", -0.021),
            bar("launch overhead −10 %", "launch", -0.012),
            bar("link latency −10 %", "latency", -0.009),
            bar("peak rate +10 %", "compute", -0.001),
            bar("chunk size +10 %", "gpu-link", 0.008),
        ],
    }
}

pub fn scatter() -> Scatter {
    let series = |label: &str, points: &[(&str, f64, f64)]| ScatterSeries {
        label: label.to_string(),
        points: points
            .iter()
            .map(|(label, measured, predicted)| ScatterPoint {
                label: label.to_string(),
                measured: measured * 1e-3,
                predicted: predicted * 1e-3,
            })
            .collect(),
    };
    Scatter {
        title: "Most predictions lie within a quarter of the measurement".to_string(),
        subtitle: "Published step times against Narrows".to_string(),
        quantity: "step time".to_string(),
        measure: Measure::Seconds,
        series: vec![
            series(
                "A100 SXM 80 GB × 8",
                &[
                    ("GPT 22B", 1420.0, 1380.0),
                    ("GPT 175B", 18100.0, 17000.0),
                    ("decode, batch 1", 14.0, 9.8),
                ],
            ),
            series(
                "A100 PCIe × 8",
                &[
                    ("GPT 1.3B", 233.0, 261.0),
                    ("BERT", 88.0, 79.0),
                    ("ResNet", 61.0, 84.0),
                ],
            ),
            series(
                "H100 SXM × 8",
                &[("GPT 22B", 730.0, 701.0), ("Llama 70B", 4100.0, 4400.0)],
            ),
        ],
    }
}
