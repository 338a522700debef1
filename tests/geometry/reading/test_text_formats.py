"""OBJ, OFF, PLY and STL as people's programs write them: whole, cut and damaged."""

import re

import numpy as np
import pytest

from hexplane.geometry.meshes import load_mesh
from hexplane.plumbing.errors import UserError
from support import files

STRIPS = [[4, 0, 5, 1, 6, 2, 7, 3, 4, 0, -1, 0, 3, 1, 2], [4, 5, 7, 6]]  # a belt and two lids
TWO_PER_ROW = files.off().split("\n")
MIXED = [*files.QUADS[:3], *files.TRIANGLES[6:]]

VALID = {
    # OBJ
    "byte-order mark.obj": "\ufeff" + files.obj(),
    "tab after v.obj": files.obj().replace("v ", "v\t"),
    "tabs between.obj": files.obj().replace(" ", "\t"),
    "indentation.obj": "  " + files.obj().replace("\n", "\n \t"),
    "comments.obj": files.obj().replace("\n", " # side 0\n"),
    "comment without a space.obj": "#0\n" + files.obj().replace("\n", "#0\n"),
    "CR.obj": files.obj().replace("\n", "\r"),
    "CR LF.obj": files.obj().replace("\n", "\r\n"),
    "blank lines.obj": files.obj().replace("\n", "\n \n\n"),
    "continued lines.obj": files.obj().replace(" 3", " \\\n3"),
    "continued after CR LF.obj": files.obj().replace(" 3", " \\\n3").replace("\n", "\r\n"),
    "weights.obj": files.obj().replace("\nf", " 1\nf", 1),
    "colours.obj": "\n".join(
        row + " .1 .2 .3" * row.startswith("v") for row in files.obj().split("\n")
    ),
    "texture.obj": files.obj(MIXED).replace(" 1", " 1/5").replace("v 1/5", "v 1"),
    "negative.obj": files.obj([[i - 9 for i in q] for q in files.QUADS]),
    "groups.obj": "mtllib a.mtl\no head#1\ns off\ng a b\nusemtl skin\n"
    + files.obj()
    + "l 1 2\np 1\n",
    "no last line end.obj": files.obj().rstrip(),
    "another form in the last line.obj": files.obj(files.TRIANGLES)
    .replace("f 1 4 3", "f 1//1 4//1 3//2")
    .rstrip(),
    "padding.obj": files.obj() + "\0\0\x1a",
    # OFF
    "counts beside OFF.off": files.off().replace("OFF\n", "OFF"),
    "counts after a space.off": files.off().replace("OFF\n", "OFF "),
    "blank lines.off": files.off().replace("\n", "\n\n \n"),
    "tokens over lines.off": files.off().replace(" ", "\n"),
    "one line.off": files.off().replace("\n", " "),
    "several rows on one.off": "\n".join(
        " ".join(TWO_PER_ROW[i : i + 2]) for i in range(0, len(TWO_PER_ROW), 2)
    ),
    "no edges.off": files.off().replace("8 6 12", "8 6"),
    "CR.off": files.off().replace("\n", "\r"),
    "colours.off": "\n".join(
        row + " 255 0 0" * row.startswith("4 ") for row in files.off().split("\n")
    ),
    "colours over lines.off": re.sub(
        r"\n4 (\d) (\d) (\d) (\d)", r"\n4 \1 \2\n\3 \4 9 9 9", files.off()
    ),
    "coloured vertices.off": "C"
    + files.off()
    .replace("\n", " 9 9 9 9\n")
    .replace("OFF 9 9 9 9", "OFF")
    .replace("12 9 9 9 9", "12"),
    "normals.off": "N"
    + "\n".join(
        row + " 0 0 1" * (2 <= i < 10) for i, row in enumerate(files.off().split("\n"))
    ).replace("3 0 0 1\n", "3 0\n0 1\n", 1),
    "comments.off": files.off().replace("\n", " # 7\n"),
    "triangles and quads.off": files.off(MIXED),
    # PLY
    "quads and triangles.ply": files.ply(MIXED),
    "quads and triangles, big-endian.ply": files.ply(MIXED, ">"),
    "quads.ply": files.ply(files.QUADS, ">"),
    "triangle strips.ply": files.ply(STRIPS, element="tristrips"),
    "CR in the header.ply": files.ply(end="\r"),
    "CR LF in the header.ply": files.ply(end="\r\n"),
    "text.ply": files.ply_text(MIXED),
    "text, byte-order mark.ply": "\ufeff" + files.ply_text(),
    "text, a list of each vertex.ply": re.sub(
        r"(?m)^(\d \d \d)$", r"\1 2 5 6", files.ply_text(files.QUADS)
    ).replace("float z\n", "float z\nproperty list uchar int views\n"),
    "text, values that are not declared.ply": re.sub(
        r"(?m)^(4 .*)$", r"\1 3 9 9 9", files.ply_text()
    ),
    "text, CR.ply": files.ply_text().replace("\n", "\r"),
    "text, tokens over lines.ply": files.ply_text().partition("end_header\n")[0]
    + "end_header\n"
    + files.ply_text().partition("end_header\n")[2].replace(" ", "\n"),
    "text, one line.ply": files.ply_text().partition("end_header\n")[0]
    + "end_header\n\n"
    + files.ply_text().partition("end_header\n")[2].replace("\n", "  "),
    # STL
    "binary.stl": files.stl(),
    "binary that begins with solid.stl": b"solid facet" + files.stl()[11:],
    "text.stl": files.stl_text(),
    "capitals, CR LF.stl": files.stl_text().upper().replace("\n", "\r\n"),
    "one line.stl": files.stl_text().replace("\n", " ", 8).replace("box ", "box\n", 1),
    "no normals.stl": files.stl_text(normal="-nan(ind) -1.#IND nan"),
    "a name of keywords.stl": files.stl_text(name="solid facet vertex normal"),
    "two solids.stl": files.stl_text(files.TRIANGLES[:5]) + files.stl_text(files.TRIANGLES[5:]),
}


@pytest.mark.parametrize("name", VALID)
def test_valid_file_is_the_box(tmp_path, name):
    path = tmp_path / name
    data = VALID[name]
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    assert files.is_the_box(load_mesh(path))


DAMAGED = {
    "cut in the last face.obj": (files.obj(files.TRIANGLES).rstrip()[:-2], "has 2 corners"),
    "cut in the last quad.obj": (files.obj().rstrip()[:-2], "cut short"),
    "cut after a slash.obj": (files.obj().rstrip().replace("f 4 1 5 8", "f 4 1 5/"), "cut short"),
    "a vertex of 2.obj": ("v 1 2\n" + files.obj(), "fewer than three coordinates"),
    "vertex 0.obj": (files.obj([[-1, 1, 2], *files.QUADS]), "vertex 0, but the first one is 1"),
    "below the first.obj": (files.obj([[-11, 1, 2]]), "not there"),
    "a letter in a number.obj": (files.obj().replace("v 1 0", "v l 0", 1), "'l' is no number"),
    "a fraction in a face.obj": (files.obj().replace("f 1 4", "f 1.5 4"), "no whole number"),
    "a flipped keyword.obj": (files.obj().replace("v 1", "w 1", 1), "line 2 begins with 'w'"),
    "a spline.obj": (files.obj() + "cstype bspline\n", "free-form curves and surfaces"),
    "UTF-16.obj": (files.obj().encode("utf-16"), "UTF-16"),
    "cut.off": (files.off()[:-9], "cut short"),
    "a face less.off": (files.off().rpartition("4 3")[0], "cut short"),
    "a face more.off": (files.off() + "3 0 1 2\n", "the values do not make up"),
    "10^12 vertices.off": (files.off().replace("8 6", "1000000000000 6"), "declared"),
    "binary.off": (files.off().replace("OFF", "OFF BINARY"), "binary OFF"),
    "four dimensions.off": ("4" + files.off(), "dimensions"),
    "cut.ply": (files.ply(MIXED)[:-3], "cut short"),
    "a face more.ply": (files.ply() + files.ply()[-17:], "goes on"),
    "a value more in one row.ply": (files.ply_text().replace("3 2 1", "3 2 1 7"), "has 1 corners"),
    "lists of each vertex.ply": (
        VALID["text, a list of each vertex.ply"].replace("0 2 5 6", "0 1 5", 1),
        "lists of different lengths",
    ),
    "10^12 faces.ply": (files.ply().replace(b"face 6", b"face 1000000000000"), "cut short"),
    "10^12 vertices.ply": (files.ply().replace(b"vertex 8", b"vertex 1000000000000"), "cut short"),
    "a list of 200.ply": (files.ply().replace(b"\x04\0\0\0\0", b"\xc8\0\0\0\0", 1), "cut short"),
    "no header end.ply": (files.ply()[:100], "cut short"),
    "no positions.ply": (files.ply().replace(b"float x", b"float q"), "no x, y and z"),
    "cut.stl": (files.stl()[:-30], "11 of 12 triangles: cut short"),
    "more.stl": (files.stl() + b"more", "after the 12 triangles"),
    "cut, text.stl": (files.stl_text()[:-12], "cut short"),
    "cut, text, in a facet.stl": (files.stl_text()[:800], "cut short"),
    "a facet's end lost.stl": (files.stl_text().replace("endfacet", "", 1), "facet"),
    "a letter in a number.stl": (files.stl_text().replace("e+00 ", "g+00 ", 1), "no number"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_file_is_refused_by_what_is_wrong(tmp_path, name):
    path = tmp_path / name
    data, reason = DAMAGED[name]
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(UserError) as caught:
        load_mesh(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_relative_indices_of_obj_count_from_their_own_line(tmp_path):
    path = tmp_path / "a.obj"
    path.write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\nv 0 0 5\nv 3 0 5\nv 0 1 5\nf -3 -2 -1\n"
    )
    assert load_mesh(path).area == pytest.approx(0.5 + 1.5)


def test_properties_and_elements_that_are_no_geometry_are_passed_over(tmp_path):
    header = (
        "ply\nformat binary_big_endian 1.0\nobj_info 3\nelement camera 1\n"
        "property list int double view\nproperty uchar on\nelement nothing 1000000000000\n"
        "element vertex 8\nproperty uchar red\nproperty double z\nproperty double x\n"
        "property double y\nelement face 12\nproperty uchar flags\n"
        "property list uchar float texcoord\nproperty list ushort uint vertex_index\n"
        "property float quality\nelement edge 2\nproperty int vertex1\nproperty int vertex2\n"
        "end_header\n"
    )
    body = np.array([2], ">i4").tobytes() + np.array([1, 2], ">f8").tobytes() + b"\1"
    for x, y, z in files.CORNERS + [5e5, -3e6, 0.25]:
        body += b"\7" + np.array([z, x, y], ">f8").tobytes()
    for i, face in enumerate(files.TRIANGLES):
        body += b"\1" + bytes([i % 3]) + np.zeros(i % 3, ">f4").tobytes()
        body += np.array([3], ">u2").tobytes() + np.array(face, ">u4").tobytes()
        body += np.zeros(1, ">f4").tobytes()
    body += np.zeros(4, ">i4").tobytes()
    (tmp_path / "a.ply").write_bytes(header.encode() + body)
    mesh = load_mesh(tmp_path / "a.ply")
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(6)
    assert mesh.bounds[0].tolist() == [5e5, -3e6, 0.25]


@pytest.mark.parametrize("value", [1e9, -1e12, 1e34])
@pytest.mark.parametrize("kind", ["obj", "off", "ply", "stl", "glb"])
def test_a_coordinate_from_a_flipped_bit_is_named(tmp_path, monkeypatch, kind, value):
    corners = files.CORNERS.copy()
    corners[5, 1] = value
    monkeypatch.setattr(files, "CORNERS", corners)
    glb = files.Glb()
    data = {
        "obj": files.obj().encode(),
        "off": files.off().encode(),
        "ply": files.ply(),
        "stl": files.stl(),
        "glb": glb.scene(glb.box()).bytes(),
    }[kind]
    path = tmp_path / f"a.{kind}"
    path.write_bytes(data)
    with pytest.raises(UserError, match="gross outlier: vertex") as caught:
        load_mesh(path)
    assert f"{value:.6g}" in str(caught.value)


def test_an_outlier_that_no_face_has_is_no_outlier(tmp_path):
    path = tmp_path / "a.obj"
    path.write_text("v 1e30 0 0\n" + files.obj([[i + 1 for i in q] for q in files.QUADS]))
    assert files.is_the_box(load_mesh(path))


def test_a_small_head_in_a_large_room_is_no_outlier(tmp_path):
    path = tmp_path / "a.obj"
    path.write_text(files.obj() + "v 0 0 0\nv 900 0 0\nv 0 900 0\nf 9 10 11\n")
    assert load_mesh(path).bounds[1, 0] == 900


@pytest.mark.parametrize(
    ("error", "reason"),
    [(PermissionError(13, "Permission denied"), "Permission denied"), (MemoryError(), "memory")],
)
def test_what_the_machine_refuses_is_one_line(tmp_path, monkeypatch, error, reason):
    def refuse(path):
        raise error

    path = tmp_path / "a.obj"
    path.write_text(files.obj())
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(UserError, match=f"a.obj: .*{reason}"):
        load_mesh(path)
