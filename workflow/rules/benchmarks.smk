# Data sets → questions and images, one pair of tables per benchmark.
# REQUIRED INPUTS: none (a hub data set is downloaded; local and rendered ones are read)
# OUTPUTS: benchmarks/{benchmark}.arrow, benchmarks/{benchmark}.images.arrow


localrules:
    build_benchmark,


rule build_benchmark:
    input:
        files=ancient(expressible(local_data)),
        rendered=rendered_data,
    output:
        questions=f"{RESULTS}/benchmarks/{{benchmark}}.arrow",
        images=f"{RESULTS}/benchmarks/{{benchmark}}.images.arrow",
    log:
        f"{RESULTS}/logs/build_benchmark/{{benchmark}}.log",
    benchmark:
        f"{RESULTS}/timings/build_benchmark/{{benchmark}}.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(4000),
    params:
        settings=lambda wildcards: config["benchmarks"][wildcards.benchmark],
        data=lambda wildcards: content(local_data(wildcards)),
        code=lambda wildcards: code("build_benchmark", task_module(wildcards.benchmark)),
    message:
        "Questions and images of {wildcards.benchmark}"
    script:
        "../scripts/build_benchmark.py"
