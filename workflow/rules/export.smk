# What other tools read, made on request: `snakemake export`.
# REQUIRED INPUTS: benchmarks/{benchmark}.arrow, answers/…, downsample/…, sweep/…, schedules/…
# OUTPUTS: export/samples/{model}/{benchmark}/*.jsonl, export/kept/{model}/{benchmark}.parquet


localrules:
    export,
    export_samples,
    export_kept,


rule export_samples:
    input:
        unpack(answered),
    output:
        directory(f"{RESULTS}/export/samples/{{model}}/{{benchmark}}"),
    log:
        f"{RESULTS}/logs/export_samples/{{model}}/{{benchmark}}.log",
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(8000),
    params:
        protocol=protocol,
        code=lambda wildcards: code("export_samples", task_module(wildcards.benchmark)),
    message:
        "Per-sample logs of {wildcards.model} on {wildcards.benchmark}"
    script:
        "../scripts/export_samples.py"


rule export_kept:
    input:
        lambda wildcards: parts("sweep", wildcards.model, wildcards.benchmark),
    output:
        f"{RESULTS}/export/kept/{{model}}/{{benchmark}}.parquet",
    log:
        f"{RESULTS}/logs/export_kept/{{model}}/{{benchmark}}.log",
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(8000),
    params:
        code=code("export_kept"),
    message:
        "Kept sets of {wildcards.model} on {wildcards.benchmark}"
    script:
        "../scripts/export_kept.py"


rule export:
    input:
        expand(
            f"{RESULTS}/export/samples/{{model}}/{{benchmark}}",
            model=MODELS,
            benchmark=BENCHMARKS,
        ),
        expand(
            f"{RESULTS}/export/kept/{{model}}/{{benchmark}}.parquet",
            model=MODELS if STRATEGIES and config["sweep"]["store_kept"] else [],
            benchmark=BENCHMARKS,
        ),
