"""Source meshes, or generated heads, to the canonical frame."""


onstart:
    # Not a rule: what depends on it would run again for every new mesh, and `ancient()` would
    # hide the new mesh's own jobs. Snakemake's own environment has to have the mesh libraries.
    if PLAN.sources:
        checked = subprocess.run(
            [
                *(sys.executable, "-m", "hexplane", "check", "-"),
                *(f"--known={CHECKED}", f"--kept={KEPT}"),
            ],
            input="\n".join(PLAN.sources.values()),
            text=True,
        )
        if checked.returncode:
            sys.exit(checked.returncode)
    remove_left_over(Path(RESULTS))
    PLAN.write_lists(dict(config))
    if PLAN.warning:
        print(f"warning: {PLAN.warning}", file=sys.stderr)


if PLAN.seeds:

    rule generate:
        output:
            mesh=paths.head,
            manifest=paths.head_manifest,
        log:
            paths.log("generate", "{mesh}"),
        benchmark:
            paths.client_benchmark("generate", "{mesh}")
        wildcard_constraints:
            mesh="head-[0-9]+",
        priority: DATA_FIRST
        conda:
            LEARNING
        threads: 1
        resources:
            mem_mb=memory(3000),
            runtime=2,
        params:
            spec=lambda w: spec_param(PLAN.generate(w.mesh)),
            code=code_param("generate"),
        message:
            "Generating {wildcards.mesh}"
        shell:
            "python -m hexplane generate {output.mesh:q}"
            " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


if PLAN.solids:

    rule solid:
        output:
            mesh=paths.head,
            manifest=paths.head_manifest,
        log:
            paths.log("solid", "{mesh}"),
        benchmark:
            paths.client_benchmark("solid", "{mesh}")
        wildcard_constraints:
            mesh="|".join(PLAN.solids),
        priority: DATA_FIRST
        conda:
            GEOMETRY
        threads: 1
        resources:
            mem_mb=1000,
            runtime=2,
        params:
            spec=lambda w: spec_param(PLAN.solid(w.mesh)),
            code=code_param("solid"),
        message:
            "Making {wildcards.mesh}"
        shell:
            "python -m hexplane solid {output.mesh:q}"
            " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule normalise:
    input:
        source=source_of,
    output:
        mesh=paths.mesh,
        manifest=paths.mesh_manifest,
    log:
        paths.log("normalise", "{mesh}"),
    benchmark:
        paths.client_benchmark("normalise", "{mesh}")
    priority: DATA_FIRST
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(1),
    params:
        spec=lambda w: spec_param(PLAN.normalise(w.mesh)),
        code=code_param("normalise"),
        content=lambda w: PLAN.content(w.mesh),
        kept=KEPT,
    message:
        "Normalising {wildcards.mesh}"
    shell:
        "python -m hexplane normalise --spec {params.spec:q} --code {params.code:q}"
        " --kept {params.kept:q}"
        # A folder may begin with a dash.
        " -- {input.source:q} {output.mesh:q} 2>&1 | tee {log:q}"
