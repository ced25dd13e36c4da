/* What files say of themselves without being opened as slides. */
#include "_openslide_module.h"

#include "formats/dicom.h"
#include "system/slide_file.h"

PyDoc_STRVAR(module_dicom_identity_doc,
             "dicom_identity($module, path, /)\n--\n\n"
             "The storage class and the series of a DICOM file, as bytes.\n\n"
             "None where it cannot be read, or is no file in explicit VR "
             "little endian.");

static PyObject *
module_dicom_identity(PyObject *Py_UNUSED(module), PyObject *path)
{
    const char *name = PyBytes_AsString(path);
    if (name == NULL) {
        return NULL;
    }
    struct dicom_file dicom;
    bool found = false;
    Py_BEGIN_ALLOW_THREADS
    struct slide_file *file = slide_file_new(name);
    if (file != NULL) {
        found = dicom_read(&dicom, &file->source);
        slide_file_free(file);
    }
    Py_END_ALLOW_THREADS
    if (!found) {
        return Py_NewRef(Py_None);
    }
    return Py_BuildValue("(yy)", dicom.storage_class, dicom.series);
}

PyMethodDef file_functions[] = {
    METHOD("dicom_identity", module_dicom_identity, METH_O),
    {NULL, NULL, 0, NULL},
};
