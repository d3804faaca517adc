# A random sample of a finished study's rows, recomputed by transformers' whole forward pass; not part of `all`.
# REQUIRED INPUTS: benchmarks/ (with images), models/, answers/, downsample/, information/, removals/, sweep/, schedules/
# of the run
# OUTPUTS: verify/{model}/{benchmark}.json, verify.txt


rule verify_tables:
    input:
        unpack(verified),
    output:
        f"{RESULTS}/verify/{{model}}/{{benchmark}}.json",
    log:
        f"{RESULTS}/logs/verify/{{model}}/{{benchmark}}.log",
    benchmark:
        f"{RESULTS}/timings/verify/{{model}}/{{benchmark}}.tsv"
    conda:
        GPU_ENV
    threads: 1
    resources:
        gpu=gpus,
        mem_mb=growing(48000),
        runtime=minutes(120),
    params:
        settings=lambda wildcards: {
            "information": config["information"],
            "positions": config["sweep"]["positions"],
            "schedules": schedule_settings(wildcards),
            "merging": configuration.merging(config),
            "seed": config["seed"],
        },
        protocol=protocol,
        code=model_code("verify_tables"),
        scoring=scoring,
    message:
        "Recomputing sampled rows of {wildcards.model} on {wildcards.benchmark} naively"
    script:
        "../scripts/verify_tables.py"


rule verify:
    input:
        expand(
            f"{RESULTS}/verify/{{model}}/{{benchmark}}.json",
            model=MODELS,
            benchmark=BENCHMARKS,
        ),
    output:
        f"{RESULTS}/verify.txt",
    log:
        f"{RESULTS}/logs/verify.log",
    localrule: True
    conda:
        CPU_ENV
    message:
        "Largest differences between the study and the naive reference"
    shell:
        "cat {input} 2> {log} | tee {output}"
