# Schedules: all of a run in one job per (model, benchmark, shard), since they share each question's unpruned layers.
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, models/{model}.json, vision/…, information/… (where the oracle is used)
# OUTPUTS: schedules/{model}/{benchmark}/part-{shard}.arrow

SCHEDULE_STRATEGIES = sorted(
    {strategy for name in SCHEDULES for strategy in configuration.strategies_of(config, name)}
)


rule run_schedules:
    input:
        unpack(pruning_inputs(SCHEDULE_STRATEGIES)),
    output:
        f"{RESULTS}/schedules/{{model}}/{{benchmark}}/part-{{shard}}.arrow",
    log:
        f"{RESULTS}/logs/run_schedules/{{model}}/{{benchmark}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/timings/run_schedules/{{model}}/{{benchmark}}/{{shard}}.tsv"
    conda:
        GPU_ENV
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=growing(24000),
        runtime=minutes(480),
    params:
        settings=pruning_settings(SCHEDULE_STRATEGIES),
        protocol=protocol,
        cells=lambda wildcards: {
            "names": SCHEDULES,
            "schedules": schedule_settings(wildcards),
            "repeats": config["sweep"]["repeats"],
            "limit": config["schedule_run"].get("limit"),
            "shards": config["shards"],
        },
        code=pruning_code("run_schedules", SCHEDULE_STRATEGIES),
        scoring=scoring,
    message:
        "Schedules on {wildcards.benchmark} by {wildcards.model}, part {wildcards.shard}"
    script:
        "../scripts/run_schedules.py"
