# Schedules: all of a run in one job per (model, benchmark, shard), since they share each question's unpruned layers.
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, models/{model}.json, vision/…, information/… (the oracle alone)
# OUTPUTS: schedules/{model}/{benchmark}/{schedule}/part-{shard}.arrow

SCHEDULE_STRATEGIES = sorted(
    {strategy for name in SCHEDULES for strategy in configuration.strategies_of(config, name)}
)


if SCHEDULES:

    rule run_schedules:
        input:
            unpack(schedule_inputs),
            own=strategy_files(SCHEDULE_STRATEGIES),
        output:
            [
                f"{RESULTS}/schedules/{{model}}/{{benchmark}}/{name}/part-{{shard}}.arrow"
                for name in SCHEDULES
            ],
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
            runtime=growing(480),
        params:
            configuration=lambda wildcards: {
                "model": model_settings(wildcards),
                "benchmark": config["benchmarks"][wildcards.benchmark],
                "schedules": schedule_settings(wildcards),
                "limit": config["schedule_run"].get("limit"),
                "repeats": config["sweep"]["repeats"],
                "store_kept": config["sweep"]["store_kept"],
                "strategies": own_strategies(SCHEDULE_STRATEGIES),
                **oracle_settings(SCHEDULE_STRATEGIES),
                "shards": config["shards"],
                "batch_size": config["batch_size"],
                "seed": config["seed"],
            },
            code=lambda wildcards: code(
                "run_schedules",
                task_module(wildcards),
                *strategy_modules(SCHEDULE_STRATEGIES),
            ),
        message:
            "Schedules on {wildcards.benchmark} by {wildcards.model}, part {wildcards.shard}"
        script:
            "../scripts/run_schedules.py"
