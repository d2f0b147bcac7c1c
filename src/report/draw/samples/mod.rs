//! Sample charts for the tests, and the check that all charts share.

use super::*;

mod data;
mod machine;

pub(super) use data::*;
pub(super) use machine::*;

/// Draws `chart` twice: both times the same, with title and `words`, in the right size.
pub(super) fn check<C: Chart>(chart: &C, words: &[&str]) {
    let size = chart.size();
    let (Ok(first), Ok(second)) = (render(chart, size), render(chart, size)) else {
        panic!("{} cannot be drawn", chart.title());
    };
    assert!(first == second, "{} differs between runs", chart.title());
    for word in words.iter().chain([&chart.title()]) {
        assert!(first.svg.contains(word), "{word} is missing");
    }
    let Ok(reader) = png::Decoder::new(std::io::Cursor::new(&first.png)).read_info() else {
        panic!("{} is no PNG", chart.title());
    };
    let info = reader.info();
    assert_eq!((info.width, info.height), (size.0 * 2, size.1 * 2));
}

/// Draws samples emptied, or spoiled by zeros and numbers that are none.
#[test]
fn odd_data_are_drawn_without_a_fault() {
    let mut bars = bars();
    bars.bars[0].value = f64::NAN;
    check(&bars, &[]);
    bars.bars.clear();
    check(&bars, &[]);
    let mut sweep = sweep(true);
    sweep.series[0].points[3].value = f64::INFINITY;
    sweep.series[1].points[3].size = 0.0;
    check(&sweep, &[]);
    sweep.series.clear();
    check(&sweep, &[]);
    let mut roofline = roofline();
    roofline.points[0].achieved_flops = 0.0;
    roofline.points[1].intensity = f64::INFINITY;
    check(&roofline, &[]);
    roofline.points.clear();
    roofline.devices.clear();
    check(&roofline, &[]);
    let mut bars = stacked_bars();
    bars.groups[0].rows[0].segments.clear();
    bars.groups[1].rows.clear();
    check(&bars, &[]);
    let mut timeline = timeline(1);
    timeline.range_s = (0.0, 0.0);
    check(&timeline, &[]);
    timeline.lanes.clear();
    timeline.marks.clear();
    check(&timeline, &[]);
    let mut topology = topology_mesh();
    topology.edges[0].b = "nowhere".to_string();
    topology.edges[1].utilisation = f64::NAN;
    check(&topology, &[]);
    topology.nodes.clear();
    check(&topology, &[]);
    let mut scatter = scatter();
    scatter.series[0].points[0].measured = 0.0;
    check(&scatter, &[]);
    scatter.series.clear();
    check(&scatter, &[]);
    let mut waterfall = waterfall();
    waterfall.start.1 = 0.0;
    waterfall.steps.clear();
    check(&waterfall, &[]);
}

fn write<C: Chart>(name: &str, chart: &C) {
    let start = std::time::Instant::now();
    let Ok(drawn) = render(chart, chart.size()) else {
        panic!("{name} cannot be drawn");
    };
    let took = start.elapsed();
    let folder = std::env::temp_dir().join("narrows-charts");
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join(format!("{name}.png")), &drawn.png))
        .and_then(|()| std::fs::write(folder.join(format!("{name}.svg")), &drawn.svg));
    assert!(written.is_ok(), "{written:?}");
    let (svg, png) = (drawn.svg.len() / 1024, drawn.png.len() / 1024);
    println!(
        "{name:18} {took:9.1?}  svg {svg:4} KiB  png {png:4} KiB  {:?}",
        chart.size()
    );
}

/// Writes all samples to `narrows-charts` in the folder for temporary files, to be looked at.
#[test]
#[ignore = "writes files for the eye"]
fn write_all() {
    render(&bars(), (200, 100)).map_or_else(|e| panic!("{e}"), |_| ());
    write("stacked_bars", &stacked_bars());
    let mut shared = stacked_bars();
    shared.shared_axis = true;
    write("stacked_shared", &shared);
    write("timeline", &timeline(8));
    write("topology_switched", &topology_switched());
    write("topology_mesh", &topology_mesh());
    write("roofline", &roofline());
    write("sweep_bandwidth", &sweep(false));
    write("sweep_latency", &sweep(true));
    write("waterfall", &waterfall());
    write("bars", &bars());
    write("scatter", &scatter());
}
