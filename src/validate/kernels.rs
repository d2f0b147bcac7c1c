//! Single operators on one device: GEMM, attention, elementwise kernels, memory streams.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::efficiency::efficiency_curves;
use super::kernel_rows::{operators, timed};
use super::launches::Launches;
use super::{Measurements, Row, Subject, UnseenKernels, ValidationRecord};
use crate::catalog::{Called, Catalog, Unclear};
use crate::collective::{Communicator, Operation};
use crate::fabric::Fabric;
use crate::kernel::{Device, Mechanism, Prediction, Timing};
use crate::model::Operator;
use crate::report::draw::{Measure, Rendered};
use crate::spec::{CampaignSpec, Diagnostic, GpuSpec, Kind, LibrarySpec};
use crate::topology::expand;

/// Operations from which a GEMM counts as large \[FLOP\].
const LARGE: f64 = 1e9;

/// Library whose collectives stand for the small all-reduces.
const LIBRARY: &str = "nccl-2";

/// Kernels on the catalogue's devices. A clone shares what does not differ.
#[derive(Debug, Clone)]
pub struct Kernels {
    pub(super) catalog: Catalog,
    launches: Launches,
    library: Arc<LibrarySpec>,
    called: Arc<Called>,
    /// GPUs of machines that rows named, by the machine.
    machines: Arc<Mutex<BTreeMap<String, Option<String>>>>,
    pub(super) devices: BTreeMap<String, Arc<GpuSpec>>,
    /// How each source timed, by what the column `source` says.
    campaigns: BTreeMap<String, Arc<CampaignSpec>>,
    missing: Option<Mechanism>,
}

impl Kernels {
    /// All devices by name.
    ///
    /// # Errors
    /// A file of the catalogue cannot be read.
    pub fn new(catalog: &Catalog) -> Result<Self, Diagnostic> {
        let mut devices = BTreeMap::new();
        for name in catalog.names(Kind::Gpu) {
            devices.insert(name.to_string(), catalog.get::<GpuSpec>(name)?);
        }
        let mut campaigns = BTreeMap::new();
        for name in catalog.own_first(Kind::Campaign) {
            let campaign = catalog.get::<CampaignSpec>(name)?;
            let column = campaign.column.clone();
            campaigns.entry(column).or_insert(campaign);
        }
        Ok(Self {
            catalog: catalog.clone(),
            launches: Launches::shipped()?,
            library: catalog.get(LIBRARY)?,
            called: catalog.all_called()?,
            machines: Arc::default(),
            devices,
            campaigns,
            missing: None,
        })
    }

    /// Predictions of the model without a mechanism.
    pub fn without(&self, mechanism: Mechanism) -> Self {
        Self {
            missing: Some(mechanism),
            ..self.clone()
        }
    }

    /// How a row's source timed, where the catalogue knows.
    fn campaign(&self, row: &Row<'_>) -> Option<&CampaignSpec> {
        self.campaigns.get(row.text("source")).map(AsRef::as_ref)
    }

    /// The operator that a row is named after.
    pub(super) fn timed(&self, row: &Row<'_>) -> Result<Operator, String> {
        timed(row, self.campaign(row))
    }

    /// Time of a row's operators on its device \[s\].
    fn seconds(&self, row: &Row<'_>) -> Result<f64, String> {
        let gpu = self.device(row)?;
        let mut device = Device::of_gpu(gpu);
        if let Some(mechanism) = self.missing {
            device = device.without(mechanism);
        }
        let campaign = self.campaign(row);
        let operators = operators(row, campaign, gpu)?;
        if let (Some(campaign), Some(main)) = (campaign, operators.last()) {
            let op = row.text("op");
            let (_, operator) = op.split_once(':').unwrap_or(("", op));
            let zeros = campaign.multiplies_zeros(operator, main.precision);
            let along_k = campaign.has_rows_along_k(row.text("note"));
            device = device.timed(timing(campaign, zeros, along_k));
        }
        let predicted = Prediction::of(&operators, &device);
        let predicted = predicted.map_err(|e| format!("unsupported: {e}"))?;
        Ok(campaign.map_or(0.0, CampaignSpec::host_s) + predicted.time_s)
    }

    /// Time of a row's all-reduce on its machine \[s\].
    fn all_reduce(&self, row: &Row<'_>) -> Result<f64, String> {
        let name = row.text("topology");
        let Some(file) = self.catalog.file(name) else {
            return Err(format!("no topology: {name}"));
        };
        let reason = |e: Diagnostic| format!("unsupported: {}", e.message);
        let fabric = Fabric::new(expand(&self.catalog, &file.source).map_err(reason)?);
        let mut group = fabric.topology.gpus();
        let ranks = row.count("batch")? as usize;
        if ranks < 2 || ranks > group.len() {
            return Err(format!("no topology: `{name}` has {} GPUs", group.len()));
        }
        group.truncate(ranks);
        let communicator = Communicator::new(&fabric, &self.library, group).map_err(reason)?;
        let communicator = communicator.launched(self.launches.mode(row)?);
        let unit = self.campaign(row);
        let unit = unit.map_or(1.0, CampaignSpec::message_unit_bytes);
        let bytes = row.count("m")? as f64 * unit;
        let plan = communicator.plan(Operation::AllReduce, bytes);
        Ok(plan.map_err(reason)?.alone_s)
    }

    /// The device that a row names or, where that is not clear, the one in its machine.
    pub(super) fn device(&self, row: &Row<'_>) -> Result<&GpuSpec, String> {
        let text = row.text("gpu");
        let name = match self.called.find(text) {
            Ok(name) => name.to_string(),
            Err(unclear) => self
                .device_of_machine(row, &unclear)
                .ok_or_else(|| match unclear {
                    Unclear::Part => format!("unsupported: a part of a device: {text}"),
                    Unclear::Several(names) => {
                        format!("unclear device: {text}: {}", names.join(", "))
                    }
                    Unclear::Unknown => format!("unknown device: {text}"),
                })?,
        };
        let device = self.devices.get(&name).map(AsRef::as_ref);
        device.ok_or_else(|| format!("unsupported: a CPU: {text}"))
    }

    /// The name of the GPUs of a row's machine, unless they are none that the row may mean.
    fn device_of_machine(&self, row: &Row<'_>, unclear: &Unclear<'_>) -> Option<String> {
        let machine = row.text("topology");
        let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        let known = machines.entry(machine.to_string());
        let name = known.or_insert_with(|| self.first_gpu(machine)).clone()?;
        let meant = match unclear {
            Unclear::Several(names) => names.contains(&name.as_str()),
            Unclear::Unknown => true,
            Unclear::Part => false,
        };
        meant.then_some(name)
    }

    /// The name of the first GPU of a machine.
    fn first_gpu(&self, machine: &str) -> Option<String> {
        let file = self.catalog.file(machine)?;
        let topology = expand(&self.catalog, &file.source).ok()?;
        let first = *topology.gpus().first()?;
        topology.device(first).gpu().map(|gpu| gpu.name.clone())
    }
}

/// How a campaign ran its kernels; `zeros`: with an operand of nothing but zeros; `along_k`: with a
/// first operand whose rows lie along K.
fn timing(campaign: &CampaignSpec, zeros: bool, along_k: bool) -> Timing {
    Timing {
        repeated: campaign.repeats(),
        products: campaign.product_rate(),
        pieces_of_k: campaign.fp32_steps().filter(|_| along_k),
        int8_on_vector_units: campaign.multiplies_int8_on_vector_units(),
        ecc_off: campaign.runs_without_ecc(),
        zeros,
    }
}

impl Subject for Kernels {
    fn withheld(&self) -> Option<Box<dyn Subject>> {
        Some(Box::new(UnseenKernels::of(self.clone())))
    }

    fn charts(
        &self,
        file: &Measurements,
        record: &ValidationRecord,
    ) -> Result<Vec<(String, Rendered)>, Diagnostic> {
        efficiency_curves(self, file, record)
    }

    fn key(&self) -> &'static str {
        "kernels"
    }

    fn needed(&self) -> &'static [&'static str] {
        &[
            "id", "gpu", "op", "m", "n", "k", "batch", "seq", "heads", "kv_heads", "head_dim",
            "dtype", "time_us",
        ]
    }

    fn quantity(&self, class: &str) -> (&'static str, Measure, f64) {
        match class {
            "stream" => ("bandwidth", Measure::BytesPerSecond, 1e9),
            _ => ("time", Measure::Seconds, 1e-6),
        }
    }

    fn measured(&self, row: &Row<'_>) -> Result<f64, String> {
        let column = if row.text("op").starts_with("stream") {
            "gbps"
        } else {
            "time_us"
        };
        row.value(column)
    }

    fn predict(&self, row: &Row<'_>) -> Result<f64, String> {
        let op = row.text("op");
        if op.starts_with("tp_allreduce") {
            return Ok(self.all_reduce(row)? * 1e6);
        }
        let seconds = self.seconds(row)?;
        Ok(if op.starts_with("stream") {
            self.timed(row)?.bytes() / seconds / 1e9
        } else {
            seconds * 1e6
        })
    }

    fn class(&self, row: &Row<'_>) -> &'static str {
        let op = row.text("op");
        match op.split([':', '_']).next() {
            Some("gemm") => match self.timed(row) {
                Ok(op) if op.flops() < LARGE => "gemm below 1 GFLOP",
                _ => "gemm from 1 GFLOP",
            },
            Some("attention") if op.ends_with("decode") => "attention decode",
            Some("attention") => "attention prefill",
            Some("elementwise") => "elementwise",
            Some("stream") => "stream",
            _ => "all-reduce",
        }
    }

    fn series(&self, row: &Row<'_>) -> String {
        let device = self.device(row);
        device.map_or_else(|_| row.text("gpu").to_string(), |gpu| gpu.name.clone())
    }

    fn alike(&self, row: &Row<'_>) -> Option<String> {
        if row.text("op").starts_with("tp_allreduce") {
            return None;
        }
        let columns = [
            "op", "m", "n", "k", "batch", "seq", "heads", "kv_heads", "head_dim", "dtype",
        ];
        Some(columns.map(|column| row.text(column)).join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Measurements, validate};
    use super::*;

    const TEXT: &str = "\
id,split,gpu,op,m,n,k,batch,seq,heads,kv_heads,head_dim,dtype,time_us,gbps,source
a,calibration,A100 SXM 80GB,gemm:up,4096,4096,4096,,,,,,fp16,560,,s
b,calibration,A100 SXM 80GB,attention_decode,,,,8,2048,32,8,128,bfloat16/kv bfloat16,60,,s
c,calibration,A100 SXM 80GB,elementwise:add,4096,4096,,,,,,,fp16,60,,s
d,calibration,A100 SXM 80GB,stream:triad,,,,,,,,,fp64,,1759,s
e,calibration,Abacus,gemm,1,1,1,,,,,,fp16,560,,s
f,calibration,A100 SXM 80GB,fft,1,1,1,,,,,,fp16,560,,s
";

    #[test]
    fn rows_become_operators_and_the_rest_says_why_not() {
        let catalog = Catalog::shipped().expect("shipped");
        let file = Measurements::parse("t.csv", TEXT).expect("a table");
        let kernels = Kernels::new(&catalog).expect("devices");
        let record = validate(&kernels, &file, Some("calibration")).expect("scored");
        assert_eq!((record.summary.n, record.summary.ran), (6, 4));
        let near = |row: usize| record.rows[row].error.expect("ran").abs() < 0.5;
        assert!((0..4).all(near), "{:?}", record.rows);
        assert_eq!(record.rows[4].status, "unknown device: Abacus");
        assert_eq!(record.rows[5].status, "unsupported: operator `fft`");
        assert_eq!(record.classes["stream"].n, 1);
    }

    #[test]
    fn a_machine_says_what_an_unclear_name_leaves_open() {
        let text = "\
id,topology,gpu,op,m,n,k,batch,seq,heads,kv_heads,head_dim,dtype,time_us
a,dgx-a100-80gb,A100 SXM4,gemm,4096,4096,4096,,,,,,fp16,560
b,dgx-a100-40gb,A100 SXM4,gemm,4096,4096,4096,,,,,,fp16,560
c,dgx-h100,Secret,gemm,4096,4096,4096,,,,,,fp16,560
d,dgx-h100,A100 SXM4,gemm,4096,4096,4096,,,,,,fp16,560
e,dgx-h100,A100 80GB 1g.10gb MIG,gemm,4096,4096,4096,,,,,,fp16,560
f,,Xeon Platinum 8480+,gemm,4096,4096,4096,,,,,,fp16,560
";
        let file = Measurements::parse("t.csv", text).expect("a table");
        let kernels = Kernels::new(&Catalog::shipped().expect("shipped")).expect("devices");
        let rows = validate(&kernels, &file, None).expect("scored").rows;
        let series: Vec<&str> = rows.iter().map(|row| row.series.as_str()).collect();
        assert_eq!(
            series[..3],
            ["a100-sxm-80gb", "a100-sxm-40gb", "h100-sxm-80gb"]
        );
        let unclear = "unclear device: A100 SXM4: a100-sxm-40gb, a100-sxm-80gb";
        assert_eq!(rows[3].status, unclear);
        assert_eq!(
            rows[4].status,
            "unsupported: a part of a device: A100 80GB 1g.10gb MIG"
        );
        assert_eq!(rows[5].status, "unsupported: a CPU: Xeon Platinum 8480+");
    }

    /// Predicted times of rows of one campaign and of one that nobody describes \[us\].
    fn times(column: &str, rows: &[&str]) -> Vec<f64> {
        let head = TEXT.lines().next().expect("a header");
        let mut text = format!("{head}\n");
        for row in rows {
            text += &format!("x,calibration,{row},1,,{column}\n");
        }
        let file = Measurements::parse("t.csv", &text).expect("a table");
        let kernels = Kernels::new(&Catalog::shipped().expect("shipped")).expect("devices");
        let record = validate(&kernels, &file, None).expect("scored");
        let predicted = record.rows.iter().map(|row| row.predicted);
        predicted.map(|time| time.expect("ran")).collect()
    }

    #[test]
    fn an_engine_with_a_cache_in_fp8_attends_to_prompts_in_fp8_where_it_can() {
        let prompt =
            |gpu, kv| format!("{gpu},attention_prefill,,,,1,16384,32,8,128,bfloat16/kv {kv}");
        let ratio = |gpu| {
            let rows = [prompt(gpu, "fp8"), prompt(gpu, "bfloat16")];
            let times = times("ai-dynamo/aiconfigurator", &[&rows[0], &rows[1]]);
            times[0] / times[1]
        };
        assert!((0.6..0.75).contains(&ratio("H100 SXM")));
        assert!((0.97..1.01).contains(&ratio("L40S")));
        let row = prompt("H100 SXM", "fp8");
        let elsewhere = times("s", &[&row])[0];
        let there = times("ai-dynamo/aiconfigurator", &[&row])[0];
        assert!(elsewhere > 1.3 * there, "{elsewhere} {there}");
    }

    #[test]
    fn an_engine_casts_activations_only_where_the_device_has_the_format() {
        let row = |gpu, format| format!("{gpu},gemm,1,4096,4096,,,,,,{format}");
        let layer = |gpu| {
            let row = row(gpu, "fp8");
            times("ai-dynamo/aiconfigurator", &[&row])[0] - times("s", &[&row])[0]
        };
        assert!(layer("H100 SXM") > 5.0, "{}", layer("H100 SXM"));
        assert!(layer("Arc Pro B60") < 1.0, "{}", layer("Arc Pro B60"));
    }

    #[test]
    fn a_campaign_says_how_fast_its_library_is() {
        let row = |gpu, format| format!("{gpu},gemm,8192,8192,8192,,,,,,{format}");
        let [int8, fp16] = ["int8", "fp16"].map(|format| row("T4", format));
        let times_there = times("baidu-research/DeepBench", &[&int8, &fp16]);
        assert!(times_there[0] > 1.5 * times_there[1], "{times_there:?}");
        // On matrix units, though at the clock of a sustained load: DeepBench multiplies zeros.
        assert!(times("s", &[&int8])[0] < 0.6 * times_there[0]);
        let row = row("H100 SXM", "fp16");
        let ratio = times("microsoft/vidur", &[&row])[0] / times("s", &[&row])[0];
        assert!((ratio * 0.9 - 1.0).abs() < 0.01, "{ratio}");
    }
}
