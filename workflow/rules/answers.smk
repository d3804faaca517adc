# Answers without pruning (full) and without any visual token (blind).
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, models/{model}.json, vision/…
# OUTPUTS: answers/{model}/{benchmark}/part-{shard}.arrow


rule answers:
    input:
        unpack(asked),
    output:
        f"{RESULTS}/answers/{{model}}/{{benchmark}}/part-{{shard}}.arrow",
    log:
        f"{RESULTS}/logs/answers/{{model}}/{{benchmark}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/timings/answers/{{model}}/{{benchmark}}/{{shard}}.tsv"
    conda:
        GPU_ENV
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=growing(24000),
        runtime=growing(240),
    params:
        configuration=lambda wildcards: {
            "model": model_settings(wildcards),
            "benchmark": config["benchmarks"][wildcards.benchmark],
            "shards": config["shards"],
            "batch_size": config["batch_size"],
        },
        code=lambda wildcards: code("answers", task_module(wildcards)),
    message:
        "Full and blind answers of {wildcards.model} on {wildcards.benchmark}, part {wildcards.shard}"
    script:
        "../scripts/answers.py"
