"""Six views, and signed-distance samples, of each normalised mesh."""


rule data:
    # All that training reads, by name: `.venv/bin/snakemake --cores all data`.
    input:
        expand(paths.hexplane_manifest, mesh=PLAN.heads),
        expand(paths.distance_manifest, mesh=PLAN.heads),


rule render:
    input:
        mesh=paths.mesh,
        facts=paths.mesh_manifest,
    output:
        store=directory(paths.hexplane),
        manifest=paths.hexplane_manifest,
    log:
        paths.log("render", "{mesh}"),
    benchmark:
        paths.client_benchmark("render", "{mesh}")
    priority: DATA_FIRST
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(1),
    params:
        spec=spec_param(PLAN.config.render),
        code=code_param("render"),
    message:
        "Rendering {wildcards.mesh}"
    shell:
        "python -m hexplane render {input.mesh:q} {output.store:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule distances:
    input:
        mesh=paths.mesh,
    output:
        store=directory(paths.distance),
        manifest=paths.distance_manifest,
    log:
        paths.log("distances", "{mesh}"),
    benchmark:
        paths.client_benchmark("distances", "{mesh}")
    priority: DATA_FIRST
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(1),
    params:
        spec=spec_param(PLAN.distances()),
        code=code_param("distances"),
    message:
        "Sampling signed distances of {wildcards.mesh}"
    shell:
        "python -m hexplane distances {input.mesh:q} {output.store:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"
