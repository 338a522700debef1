"""The paper, of all studies together; it is made only when asked for, as the target `paper`."""


rule paper:
    input:
        reports=reports_at_hand,
        committed=[
            f"{COMMITTED}/{name}"
            for name in (
                "studies.json",
                *(f"{own}.csv" for own in PLAN.paper().studies),
            )
            if os.path.exists(f"{COMMITTED}/{name}")
        ],
    output:
        pdf=PAPER,
        data=PAPER_DATA,
        manifest=PAPER_MANIFEST,
    log:
        study("paper").log("paper", "paper"),
    benchmark:
        study("paper").benchmark("paper", "paper")
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        spec=spec_param(PLAN.paper()),
        code=lambda w: code_param("paper"),
    message:
        "Writing the paper"
    shell:
        "python -m hexplane paper {output.pdf:q} --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"
