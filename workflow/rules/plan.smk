# What a study will cost before it runs: snakemake plan --configfile studies/paper.yaml
# REQUIRED INPUTS: none (tables and models that are already here make the estimate better)
# OUTPUTS: plan.txt and the terminal; not declared, so that every call shows the present estimate


localrules:
    plan,


rule plan:
    log:
        f"{RESULTS}/logs/plan.log",
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        configuration=config,
        results=RESULTS,
    message:
        "Estimating {RESULTS}"
    script:
        "../scripts/plan.py"
