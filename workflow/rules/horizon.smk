# Horizons and paired comparisons: one job over all models and benchmarks.
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, answers/…, information/…, sweep/…, schedules/…
# OUTPUTS: horizon.arrow, comparison.arrow


def horizon_tables():
    """(what a table is, its path) of every table that the estimates are made from."""
    for model in MODELS:
        for benchmark in BENCHMARKS:
            of = {"model": model, "benchmark": benchmark}
            stages = {("benchmarks", ""): [f"{RESULTS}/benchmarks/{benchmark}.arrow"]}
            stages |= {(s, ""): parts(s, **of) for s in ("answers", "information")}
            stages |= {("sweep", s): parts("sweep", strategy=s, **of) for s in STRATEGIES}
            stages |= {("schedules", s): parts("schedules", schedule=s, **of) for s in SCHEDULES}
            for (stage, name), paths in stages.items():
                for path in paths:
                    yield {**of, "stage": stage, "name": name}, path


rule horizon:
    input:
        [path for _, path in horizon_tables()],
    output:
        horizon=f"{RESULTS}/horizon.arrow",
        comparison=f"{RESULTS}/comparison.arrow",
    log:
        f"{RESULTS}/logs/horizon.log",
    benchmark:
        f"{RESULTS}/timings/horizon.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=4000,
    params:
        tables=[key for key, _ in horizon_tables()],
        configuration={
            "horizon": config["horizon"],
            "seed": config["seed"],
            "depths": {m: configuration.depth_of(m, config["models"][m]) for m in MODELS},
            "baselines": {s: config["schedules"][s].get("baseline") for s in SCHEDULES},
        },
        code=code("horizon"),
    message:
        "Horizons and paired comparisons of {RESULTS}"
    script:
        "../scripts/horizon.py"
