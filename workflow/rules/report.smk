# The report: all tables and figures of a run on one self-contained page.
# REQUIRED INPUTS: every table, figures/…; recommend/… that are already there; the captions are those of Snakemake's own
# report (workflow/report)
# OUTPUTS: report.html

FIGURES = ["information", "removals", "states", "horizon", "sweep", "schedules", "heatmaps"]
if READ:
    FIGURES.insert(FIGURES.index("schedules"), "reads")
CAPTIONS = [f"{LIBRARY}/report/{name}.rst" for name in FIGURES]
PAGE = [
    f"{LIBRARY}/infohorizon/report/{name}"
    for name in ("report.html.j2", "opening.html.j2", "style.css", "explorer.js")
]


rule build_report:
    input:
        questions=QUESTIONS,
        images=IMAGES,
        vision=VISION,
        answers=ANSWERS,
        downsample=SMALLER,
        information=INFORMATION,
        removals=REMOVED,
        states=STATES,
        sweep=SWEPT,
        schedules=SCHEDULED,
        horizon=f"{RESULTS}/horizon.arrow",
        comparison=f"{RESULTS}/comparison.arrow",
        findings=f"{RESULTS}/findings.arrow",
        metrics=f"{RESULTS}/metrics.arrow",
        recommendation=recommended,
        svg=expand(f"{RESULTS}/figures/{{name}}.svg", name=FIGURES),
        png=expand(f"{RESULTS}/figures/{{name}}.png", name=FIGURES),
        captions=ancient(CAPTIONS),
        page=ancient(PAGE),
    output:
        report(
            f"{RESULTS}/report.html",
            category="Report",
            caption="../report/report.rst",
        ),
    log:
        f"{RESULTS}/logs/build_report.log",
    benchmark:
        f"{RESULTS}/timings/build_report.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=minutes(60),
    params:
        study={
            **NAMES,
            "tasks": {name: config["benchmarks"][name]["task"] for name in BENCHMARKS},
            "settings": printed_settings(),
            "window": config["information"]["window"],
            "folder": RESULTS,
        },
        text=content([*CAPTIONS, *PAGE]),
        code=code("build_report"),
    message:
        "The report"
    script:
        "../scripts/build_report.py"
