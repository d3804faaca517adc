# The benchmarks' own metrics of every run, with intervals, and relative scores: one job over all models and benchmarks.
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, answers/…, downsample/…, sweep/…, schedules/…
# OUTPUTS: metrics.arrow, losses.arrow


rule compute_metrics:
    input:
        questions=QUESTIONS,
        answers=ANSWERS,
        downsample=SMALLER,
        sweep=SWEPT,
        schedules=SCHEDULED,
    output:
        metrics=f"{RESULTS}/metrics.arrow",
        losses=f"{RESULTS}/losses.arrow",
    log:
        f"{RESULTS}/logs/compute_metrics.log",
    benchmark:
        f"{RESULTS}/timings/compute_metrics.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=minutes(120),
    params:
        settings={
            "confidence": config["horizon"]["confidence"],
            "resamples": config["horizon"]["resamples"],
            "seed": config["seed"],
            "baselines": {s: config["schedules"][s].get("baseline") for s in SCHEDULES},
            "matched": matched(),
        },
        code=code(
            "compute_metrics",
            *{task_module(name) for name in BENCHMARKS},
        ),
    message:
        "The benchmarks' own metrics"
    script:
        "../scripts/compute_metrics.py"
