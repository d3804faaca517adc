# What a study will cost before it runs: snakemake plan --configfile studies/paper.yaml
# To keep it: snakemake plan --configfile studies/paper.yaml > plan.txt
# REQUIRED INPUTS: none (benchmark tables and models that are already here make the estimate better; jobs that have been
# run are compared with it)
# OUTPUTS: none; it is printed


localrules:
    plan,


rule plan:
    input:
        unpack(tables_here),
    log:
        f"{RESULTS}/logs/plan.log",
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        configuration=config,
        timings=f"{RESULTS}/timings",
    message:
        "Estimating the study"
    script:
        "../scripts/plan.py"
