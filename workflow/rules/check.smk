# What can be found wrong before a model runs. `snakemake check` tells in seconds; the stages themselves wait for
# check_inputs, which has seen every question of the run.
# REQUIRED INPUTS: check_inputs: models/{model}.json, benchmarks/… of the run; check: none
# OUTPUTS: checks/{model}.txt; check: the terminal


localrules:
    check,
    check_inputs,


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
        model=f"{RESULTS}/models/{{model}}.json",
        questions=[f"{RESULTS}/benchmarks/{name}.arrow" for name in BENCHMARKS],
        images=[f"{RESULTS}/benchmarks/{name}.images.arrow" for name in BENCHMARKS],
    output:
        f"{RESULTS}/checks/{{model}}.txt",
    log:
        f"{RESULTS}/logs/check_inputs/{{model}}.log",
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(4000),
    params:
        settings=lambda wildcards: {
            "model": model_numbers(wildcards),
            "protocols": {
                name: protocols.protocol_of(config, wildcards.model, name) for name in BENCHMARKS
            },
        },
        code=code("check_inputs"),
    message:
        "Checking what {wildcards.model} will be asked"
    script:
        "../scripts/check_inputs.py"
