# Information Horizon: where in a vision-language model visual tokens stop mattering.
# Every stage is a rule in workflow/rules/, included in the order in which they run.

from snakemake.utils import min_version

min_version("9.27")  # --report-metadata


# The project's own settings, extended by a config.yaml in the folder where snakemake runs, and by --configfile.
configfile: workflow.source_path("config.yaml")


if Path("config.yaml").is_file():

    configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/render.smk"
include: "workflow/rules/benchmarks.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/vision.smk"
include: "workflow/rules/answers.smk"
include: "workflow/rules/downsample.smk"
include: "workflow/rules/information.smk"
include: "workflow/rules/removals.smk"
include: "workflow/rules/states.smk"
include: "workflow/rules/sweep.smk"
include: "workflow/rules/schedules.smk"
include: "workflow/rules/metrics.smk"
include: "workflow/rules/horizon.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/verify.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/recommend.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/train.smk"


# The terminal's line of progress says how long the run has taken and about how long the rest will take.
progress.word_progress(logger, Path(RESULTS) / "timings")


onsuccess:
    if Path(rules.build_report.output[0]).is_file():
        print(f"\nDone. Open {rules.build_report.output[0]} in a browser.", file=sys.stderr)


# Rules of your own, with everything that common.smk defines at hand.
for path in config["own_rules"]:

    include: str(Path(path).resolve())


rule all:
    default_target: True
    input:
        rules.build_report.output,
        rules.estimate_horizons.output,
        rules.compute_metrics.output,
