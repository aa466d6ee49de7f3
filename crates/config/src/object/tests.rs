use super::*;

#[test]
fn an_object_knows_its_name_its_text_and_its_places() {
    let text = "# a service\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: reviews\n  labels: {a: b}\nspec:\n  http:\n  - route:\n    - destination: {subset: v9}\n";
    let found = read_objects("vs.yaml", &format!("---\n{text}"));
    assert_eq!(found.errors, []);
    let object = &found.objects[0];
    assert_eq!(object.object_ref().to_string(), "VirtualService default/reviews");
    assert_eq!(
        (object.group(), object.api_version()),
        ("networking.istio.io", "networking.istio.io/v1")
    );
    assert_eq!((object.text(), object.first_line()), (text.trim_end(), 2));
    let path = "spec.http[0].route[0].destination.subset".parse().unwrap();
    let origin = object.origin_of(object.root().find(&path).unwrap());
    assert_eq!(&*origin.path, "spec.http[0].route[0].destination.subset");
    assert_eq!(origin.location.unwrap().to_string(), "vs.yaml:11:29");
}

#[test]
fn the_items_of_a_list_are_objects_of_their_own() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: a}\n- apiVersion: v1\n  kind: Service\n  metadata: {name: b}\n  spec: {ports: [{port: 1}]}\n";
    let found = read_objects("-", text);
    assert_eq!(found.errors, []);
    let names: Vec<String> = found
        .objects
        .iter()
        .map(|object| object.object_ref().to_string())
        .collect();
    assert_eq!(names, ["Namespace a", "Service default/b"]);
    assert_eq!(found.objects[1].first_line(), 7);
    assert!(
        found.objects[1]
            .text()
            .starts_with("apiVersion: v1\n  kind: Service")
    );
    let port = found.objects[1]
        .root()
        .find(&"spec.ports[0].port".parse().unwrap())
        .unwrap();
    assert_eq!(port.path().to_string(), "spec.ports[0].port");
}

#[test]
fn what_is_no_object_is_told_with_its_place() {
    let text = "kind: Service\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Service\nmetadata: {namespace: b}\n---\n- 1\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: c, name: d}\n";
    let found = read_objects("-", text);
    let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "-:1:1: an object needs `apiVersion`",
            "-:6:1: an object needs `metadata.name`",
            "-:8:1: an object needs `apiVersion`",
            "-:12:21: `name` stands twice in the same mapping; keep one",
        ]
    );
    assert_eq!(found.objects[0].name(), "d");
}
