# Figures: one job each, over all models and benchmarks, since importing matplotlib costs more than drawing.
# REQUIRED INPUTS: benchmarks/…, information/…, removals/…, states/…, schedules/…, vision/… (grid sizes), metrics.arrow,
# horizon.arrow
# OUTPUTS: figures/{information,removals,states,sweep,horizon,schedules,heatmaps}.svg and .png; reads, where a strategy is
# swept at several read layers


NAMES = {"models": MODELS, "benchmarks": BENCHMARKS}
DEPTHS = {model: configuration.depth_of(model, config["models"][model]) for model in MODELS}


rule draw_information:
    input:
        questions=QUESTIONS,
        answers=ANSWERS,
        information=INFORMATION,
        horizon=f"{RESULTS}/horizon.arrow",
    output:
        svg=report(
            f"{RESULTS}/figures/information.svg",
            category="Figures",
            caption="../report/information.rst",
        ),
        png=f"{RESULTS}/figures/information.png",
    log:
        f"{RESULTS}/logs/draw_information.log",
    benchmark:
        f"{RESULTS}/timings/draw_information.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=minutes(60),
    params:
        **NAMES,
        code=code("draw_information"),
    message:
        "Figure: token information by layer"
    script:
        "../scripts/draw_information.py"


rule draw_removals:
    input:
        questions=QUESTIONS,
        removals=REMOVED,
    output:
        svg=report(
            f"{RESULTS}/figures/removals.svg",
            category="Figures",
            caption="../report/removals.rst",
        ),
        png=f"{RESULTS}/figures/removals.png",
    log:
        f"{RESULTS}/logs/draw_removals.log",
    benchmark:
        f"{RESULTS}/timings/draw_removals.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=minutes(60),
    params:
        **NAMES,
        depths=DEPTHS,
        code=code("draw_removals"),
    message:
        "Figure: usable information by layer for every removal"
    script:
        "../scripts/draw_removals.py"


rule draw_states:
    input:
        questions=QUESTIONS,
        states=STATES,
    output:
        svg=report(
            f"{RESULTS}/figures/states.svg",
            category="Figures",
            caption="../report/states.rst",
        ),
        png=f"{RESULTS}/figures/states.png",
    log:
        f"{RESULTS}/logs/draw_states.log",
    benchmark:
        f"{RESULTS}/timings/draw_states.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=minutes(60),
    params:
        **NAMES,
        depths=DEPTHS,
        code=code("draw_states"),
    message:
        "Figure: matrix entropy of the visual states by layer"
    script:
        "../scripts/draw_states.py"


rule draw_sweep:
    input:
        metrics=f"{RESULTS}/metrics.arrow",
        horizon=f"{RESULTS}/horizon.arrow",
    output:
        svg=report(
            f"{RESULTS}/figures/sweep.svg",
            category="Figures",
            caption="../report/sweep.rst",
        ),
        png=f"{RESULTS}/figures/sweep.png",
    log:
        f"{RESULTS}/logs/draw_sweep.log",
    benchmark:
        f"{RESULTS}/timings/draw_sweep.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(16000),
        runtime=minutes(60),
    params:
        **NAMES,
        code=code("draw_sweep"),
    message:
        "Figure: each benchmark's metric by layer for every strategy"
    script:
        "../scripts/draw_sweep.py"


rule draw_reads:
    input:
        metrics=f"{RESULTS}/metrics.arrow",
    output:
        svg=report(
            f"{RESULTS}/figures/reads.svg",
            category="Figures",
            caption="../report/reads.rst",
        ),
        png=f"{RESULTS}/figures/reads.png",
    log:
        f"{RESULTS}/logs/draw_reads.log",
    benchmark:
        f"{RESULTS}/timings/draw_reads.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=minutes(60),
    params:
        **NAMES,
        depths=DEPTHS,
        families=READ,
        code=code("draw_reads"),
    message:
        "Figure: each benchmark's metric by the layer that is read and the layer where tokens leave"
    script:
        "../scripts/draw_reads.py"


rule draw_horizons:
    input:
        horizon=f"{RESULTS}/horizon.arrow",
    output:
        svg=report(
            f"{RESULTS}/figures/horizon.svg",
            category="Figures",
            caption="../report/horizon.rst",
        ),
        png=f"{RESULTS}/figures/horizon.png",
    log:
        f"{RESULTS}/logs/draw_horizons.log",
    benchmark:
        f"{RESULTS}/timings/draw_horizons.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=minutes(60),
    params:
        **NAMES,
        code=code("draw_horizons"),
    message:
        "Figure: horizons by benchmark and model"
    script:
        "../scripts/draw_horizons.py"


rule draw_schedules:
    input:
        questions=QUESTIONS,
        metrics=f"{RESULTS}/metrics.arrow",
        schedules=SCHEDULED,
    output:
        svg=report(
            f"{RESULTS}/figures/schedules.svg",
            category="Figures",
            caption="../report/schedules.rst",
        ),
        png=f"{RESULTS}/figures/schedules.png",
    log:
        f"{RESULTS}/logs/draw_schedules.log",
    benchmark:
        f"{RESULTS}/timings/draw_schedules.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=minutes(60),
    params:
        **NAMES,
        code=code("draw_schedules"),
    message:
        "Figure: each benchmark's metric against mean visual tokens"
    script:
        "../scripts/draw_schedules.py"


rule draw_heatmaps:
    input:
        questions=QUESTIONS,
        images=IMAGES,
        vision=VISION,
        information=INFORMATION,
    output:
        svg=report(
            f"{RESULTS}/figures/heatmaps.svg",
            category="Figures",
            caption="../report/heatmaps.rst",
        ),
        png=f"{RESULTS}/figures/heatmaps.png",
    log:
        f"{RESULTS}/logs/draw_heatmaps.log",
    benchmark:
        f"{RESULTS}/timings/draw_heatmaps.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=minutes(60),
    params:
        **NAMES,
        window=config["information"]["window"],
        code=code("draw_heatmaps"),
    message:
        "Figure: heat maps of token information"
    script:
        "../scripts/draw_heatmaps.py"
