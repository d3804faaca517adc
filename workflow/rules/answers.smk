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
        runtime=minutes(240),
    params:
        settings=lambda wildcards: {"model": model_numbers(wildcards)},
        protocol=protocol,
        cells={"limit": config["answers"].get("limit"), "shards": config["shards"]},
        code=model_code("answer_questions"),
        scoring=scoring,
    message:
        "Full and blind answers of {wildcards.model} on {wildcards.benchmark}, part {wildcards.shard}"
    script:
        "../scripts/answer_questions.py"
