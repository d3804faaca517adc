# Answers without pruning (full) and without any visual token (blind).
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, models/{model}.json, vision/…
# OUTPUTS: answers/{model}/{benchmark}/part-{shard}.arrow


rule answer_questions:
    input:
        unpack(asked),
    output:
        f"{RESULTS}/answers/{{model}}/{{benchmark}}/part-{{shard}}.arrow",
    log:
        f"{RESULTS}/logs/answer_questions/{{model}}/{{benchmark}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/timings/answer_questions/{{model}}/{{benchmark}}/{{shard}}.tsv"
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
        code=lambda wildcards: code("answer_questions", task_module(wildcards)),
    message:
        "Full and blind answers of {wildcards.model} on {wildcards.benchmark}, part {wildcards.shard}"
    script:
        "../scripts/answer_questions.py"
