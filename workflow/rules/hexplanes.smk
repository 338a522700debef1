"""Six views, and signed-distance samples, of each normalised mesh."""


rule data:
    # All that training reads, by name: `snakemake --cores all data`.
    input:
        expand(paths.HEXPLANE_MANIFEST, mesh=PLAN.meshes),
        expand(paths.SDF_MANIFEST, mesh=PLAN.meshes),


rule render:
    input:
        mesh=paths.MESH,
    output:
        store=directory(paths.HEXPLANE),
        manifest=paths.HEXPLANE_MANIFEST,
    log:
        "results/logs/render/{mesh}.log",
    conda:
        GEOMETRY
    params:
        spec=spec_param(PLAN.config.render),
        code=code_param("render"),
    message:
        "Rendering {wildcards.mesh}"
    shell:
        "python -m hexplane render {input.mesh:q} {output.store:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule sample:
    input:
        mesh=paths.MESH,
    output:
        store=directory(paths.SDF),
        manifest=paths.SDF_MANIFEST,
    log:
        "results/logs/sample/{mesh}.log",
    conda:
        GEOMETRY
    params:
        spec=spec_param(PLAN.sample()),
        code=code_param("sample"),
    message:
        "Sampling signed distances of {wildcards.mesh}"
    shell:
        "python -m hexplane sample {input.mesh:q} {output.store:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"
