# Horizons, paired comparisons and the paper's findings: one job over all models and benchmarks.
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, answers/…, information/…, removals/…, states/…, losses.arrow, sweep/…, schedules/…
# OUTPUTS: horizon.arrow, comparison.arrow, findings.arrow


rule estimate_horizons:
    input:
        questions=QUESTIONS,
        answers=ANSWERS,
        information=INFORMATION,
        removals=REMOVED,
        states=STATES,
        losses=f"{RESULTS}/losses.arrow",
        sweep=SWEPT,
        schedules=SCHEDULED,
    output:
        horizon=f"{RESULTS}/horizon.arrow",
        comparison=f"{RESULTS}/comparison.arrow",
        findings=f"{RESULTS}/findings.arrow",
    log:
        f"{RESULTS}/logs/estimate_horizons.log",
    benchmark:
        f"{RESULTS}/timings/estimate_horizons.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=minutes(60),
    params:
        settings={
            "horizon": config["horizon"],
            "seed": config["seed"],
            "depths": {m: configuration.depth_of(m, config["models"][m]) for m in MODELS},
            "baselines": {s: config["schedules"][s].get("baseline") for s in SCHEDULES},
            "matched": matched(),
            "oracles": [
                s for s in STRATEGIES if strategy_registry.is_oracle(s, config["strategies"])
            ],
            "tasks": {name: config["benchmarks"][name]["task"] for name in BENCHMARKS},
        },
        code=code("estimate_horizons"),
    message:
        "Horizons, paired comparisons and findings"
    script:
        "../scripts/estimate_horizons.py"
