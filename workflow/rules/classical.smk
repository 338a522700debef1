"""Meshes from six views by classical methods, where `classical.methods` names some."""


rule classical:
    input:
        manifest=paths.hexplane_manifest,
        views=ancient(paths.hexplane),
        mesh=paths.mesh,
    output:
        classical_meshes(TRUTH),
        measures=paths.classical.replace("{method}", TRUTH),
    log:
        paths.log("classical", f"{TRUTH}/{{mesh}}"),
    benchmark:
        paths.client_benchmark("classical", f"{TRUTH}/{{mesh}}")
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        spec=spec_param(PLAN.classical()),
        code=code_param("classical"),
    message:
        "Reconstructing {wildcards.mesh} by classical methods"
    shell:
        "python -m hexplane classical {input.views:q} {input.mesh:q} {output.measures:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule classical_decoded:
    input:
        manifest=paths.reconstruction_manifest.replace("{method}", "{arm}"),
        views=ancient(paths.decoded),
        own=paths.reconstruction.replace("{method}", "{arm}"),
        mesh=paths.mesh,
    output:
        classical_meshes("{arm}"),
        measures=paths.classical.replace("{method}", "{arm}"),
    log:
        paths.log("classical", "{arm}/{mesh}"),
    benchmark:
        paths.client_benchmark("classical", "{arm}/{mesh}")
    wildcard_constraints:
        arm=f"(?!(oracle-|{TRUTH}/))[A-Za-z0-9][A-Za-z0-9._-]*",
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        spec=spec_param(PLAN.classical()),
        code=code_param("classical"),
    message:
        "Reconstructing {wildcards.mesh} of {wildcards.arm} by classical methods"
    shell:
        "python -m hexplane classical {input.views:q} {input.mesh:q} {output.measures:q}"
        " --own {input.own:q} --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"
