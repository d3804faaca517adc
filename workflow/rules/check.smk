# What can be found wrong before a model runs. `snakemake check` tells in seconds; the stages themselves wait for
# check_inputs, which has seen every question.
# REQUIRED INPUTS: check_inputs, check_kept_sets: models/{model}.json, benchmarks/{benchmark}.arrow; check: none
# OUTPUTS: checks/{model}/{benchmark}.txt and .kept.txt; check: the terminal


localrules:
    check,
    check_inputs,
    check_kept_sets,


rule check:
    log:
        f"{RESULTS}/logs/check.log",
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=4000,
    message:
        "Checking the study"
    script:
        "../scripts/check.py"


rule check_inputs:
    input:
        questions=f"{RESULTS}/benchmarks/{{benchmark}}.arrow",
        images=f"{RESULTS}/benchmarks/{{benchmark}}.images.arrow",
        model=f"{RESULTS}/models/{{model}}.json",
    output:
        f"{RESULTS}/checks/{{model}}/{{benchmark}}.txt",
    log:
        f"{RESULTS}/logs/check_inputs/{{model}}/{{benchmark}}.log",
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(4000),
    params:
        # No code: what passed need not pass a later check again. And all else that makes this run makes the stages run.
        settings=lambda wildcards: {
            "model": model_numbers(wildcards),
            "protocol": protocol(wildcards),
        },
    message:
        "Checking what {wildcards.model} will be asked on {wildcards.benchmark}"
    script:
        "../scripts/check_inputs.py"


rule check_kept_sets:
    input:
        questions=f"{RESULTS}/benchmarks/{{benchmark}}.arrow",
        images=f"{RESULTS}/benchmarks/{{benchmark}}.images.arrow",
        model=f"{RESULTS}/models/{{model}}.json",
    output:
        f"{RESULTS}/checks/{{model}}/{{benchmark}}.kept.txt",
    log:
        f"{RESULTS}/logs/check_kept_sets/{{model}}/{{benchmark}}.log",
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(8000),
    params:
        settings=kept_sets,
    message:
        "Checking kept sets for {wildcards.model} on {wildcards.benchmark}"
    script:
        "../scripts/check_kept_sets.py"
